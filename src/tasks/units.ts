import { decimal, divide, multiply, one, type Rational, rational } from "./rational.ts";

/** What a unit measures, and how many of the first unit of that kind it is. */
export interface Unit {
  readonly dimension: string;
  readonly factor: Rational;
}

/** Units by what they measure: a size in the first one, and the names. Kinds with one size are only told apart. */
const known: Readonly<Record<string, readonly (readonly [size: string, names: string])[]>> = {
  length: [
    ["1", "m meter meters metre metres"],
    ["1000", "km kilometer kilometers kilometre kilometres kms"],
    ["0.01", "cm centimeter centimeters centimetre centimetres"],
    ["0.001", "mm millimeter millimeters millimetre millimetres"],
    ["0.000000001", "nm nanometer nanometers nanometre nanometres"],
    ["0.0254", "in inch inches"],
    ["0.3048", "ft foot feet"],
    ["0.9144", "yd yard yards"],
    ["1609.344", "mi mile miles"],
  ],
  mass: [
    ["1", "kg kilogram kilograms kilo kilos kgs"],
    ["0.001", "g gram grams"],
    ["0.000001", "mg milligram milligrams"],
    ["1000", "t tonne tonnes"],
    ["0.45359237", "lb lbs pound pounds"],
    ["0.028349523125", "oz ounce ounces"],
  ],
  time: [
    ["1", "s sec secs second seconds"],
    ["0.001", "ms millisecond milliseconds"],
    ["60", "min mins minute minutes"],
    ["3600", "h hr hrs hour hours"],
    ["86400", "d day days"],
    ["604800", "week weeks"],
  ],
  months: [
    ["1", "month months"],
    ["12", "year years yr yrs"],
    ["120", "decade decades"],
    ["1200", "century centuries"],
  ],
  volume: [
    ["1", "l L liter liters litre litres"],
    ["0.001", "ml mL milliliter milliliters millilitre millilitres"],
    ["3.785411784", "gal gallon gallons"],
  ],
  dollar: [
    ["1", "$ US$ USD usd dollar dollars"],
    ["0.01", "¢ cent cents"],
  ],
  euro: [["1", "€ EUR eur euro euros"]],
  sterling: [["1", "£ GBP gbp"]],
  yen: [["1", "¥ JPY jpy yen"]],
  rupee: [["1", "₹ INR inr rupee rupees"]],
  degree: [["1", "° deg degree degrees"]],
  celsius: [["1", "°C celsius"]],
  fahrenheit: [["1", "°F fahrenheit"]],
  kelvin: [["1", "K kelvin kelvins"]],
  frequency: [
    ["1", "Hz hertz"],
    ["1000", "kHz"],
    ["1000000", "MHz"],
    ["1000000000", "GHz"],
  ],
  power: [
    ["1", "W watt watts"],
    ["0.001", "mW milliwatt milliwatts"],
    ["1000", "kW kilowatt kilowatts"],
    ["1000000", "MW megawatt megawatts"],
    ["1000000000", "GW gigawatt gigawatts"],
  ],
  information: [
    ["1000", "kB KB kb kilobyte kilobytes"],
    ["1000000", "MB mb megabyte megabytes"],
    ["1000000000", "GB gb gigabyte gigabytes"],
    ["1000000000000", "TB tb terabyte terabytes"],
    ["125", "kbit kilobit kilobits"],
    ["125000", "Mb Mbit megabit megabits"],
    ["125000000", "Gb Gbit gigabit gigabits"],
  ],
  energy: [
    ["1", "J joule joules"],
    ["1000", "kJ kilojoule kilojoules"],
  ],
};

const byName: ReadonlyMap<string, Unit> = new Map(
  Object.entries(known).flatMap(([dimension, sizes]) =>
    sizes.flatMap(([size, names]) =>
      names.split(" ").map((name) => [name, { dimension, factor: decimal(size) }] as const),
    ),
  ),
);

const FACTORS = 4;
/** In short names a large M is a million and a small one a thousandth: `Mg` is no `mg`. */
export const isMega = (name: string): boolean => /^M\p{L}?$/u.test(name);

/** A unit by a name as people write it (`km`, `miles per hour`, `sq ft`, `cm^2`); undefined for one that is not known. */
export const unitOf = (text: string): Unit | undefined => {
  const bare = text
    .trim()
    .replace(/^mph$/i, "mi/h")
    .replace(/^k(?:m)?ph$|^kmh$/i, "km/h")
    .replace(/^(?:degrees?|deg\.?|°) ?(?=(?:c|f|celsius|fahrenheit)$)/i, "°")
    .replace(/^°(celsius|fahrenheit)$/i, "$1")
    .replace(/\bper\b/g, "/")
    .replace(/\b(square|sq\.?|cubic|cu\.?) ([\p{L}]{1,20})/gu, (_, how: string, name: string) =>
      how.startsWith("s") ? `${name}^2` : `${name}^3`,
    );
  const [over = "", ...under] = bare.split("/").map((part) => part.trim());
  const factors = [over, ...under].flatMap((part, i) =>
    part.split(/[ ·*]/).map((factor) => ({ factor, sign: i === 0 ? 1 : -1 })),
  );
  if (bare === "" || factors.length > FACTORS) return undefined;
  const powers = new Map<string, number>();
  let size = one;
  for (const { factor, sign } of factors) {
    const [, name = "", power = "1"] = /^([^\d^]{1,20})\^?([1-4]?)$/u.exec(factor) ?? [];
    const unit = byName.get(name) ?? (isMega(name) ? undefined : byName.get(name.toLowerCase()));
    if (unit === undefined) return undefined;
    const times = Number(power || "1");
    powers.set(unit.dimension, (powers.get(unit.dimension) ?? 0) + sign * times);
    const { top, bottom } = unit.factor;
    const grown = rational(top ** BigInt(times), bottom ** BigInt(times));
    size = sign > 0 ? multiply(size, grown) : divide(size, grown);
  }
  const dimension = [...powers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, power]) => `${name}^${power}`);
  return { dimension: dimension.join(" "), factor: size };
};

/** Whether a text is written just as a known unit is: `cents`, and not the `Cent` of a name. */
export const isUnit = (text: string): boolean =>
  unitOf(text) !== undefined && (byName.has(text) || !/\p{Lu}/u.test(text));
