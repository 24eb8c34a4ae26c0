export { baseGenerator } from "./base-generator.ts";
export { calculate } from "./calculate.ts";
export { dayNumber, weekdayOf } from "./calendar.ts";
