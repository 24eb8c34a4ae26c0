export { baseGenerator } from "./base-generator.ts";
export { calculate } from "./calculate.ts";
export { dayNumber, weekdayOf } from "./calendar.ts";
export { type PythonOptions, type PythonTool, pythonTool } from "./python.ts";
