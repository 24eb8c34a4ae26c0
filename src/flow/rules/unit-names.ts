/** Names of units in English, singular and plural, and the short form that fields of observations carry. */
export const UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ft: "feet|foot|ft",
    m: "metre|meter",
    km: "kilometre|kilometer|km",
    mi: "mile",
    km2: "square kilometre|square kilometer|km2|km²",
    kg: "kilogram|kg",
    g: "gram",
    u: "unified atomic mass unit|atomic mass unit|dalton|u",
    K: "kelvin|degrees kelvin",
    degC: "degrees celsius|celsius|°c",
    degF: "degrees fahrenheit|fahrenheit|°f",
    degree: "decimal degree|degree",
    percent: "percent|per cent|percentage point",
    USD: "us dollar|dollar|usd",
    EUR: "euro|eur",
    GBP: "pound sterling|british pound|gbp",
    CHF: "swiss franc|chf",
    JPY: "japanese yen|yen|jpy",
    L: "litre|liter",
    mL: "millilitre|milliliter",
    cm: "centimetre|centimeter",
    mm: "millimetre|millimeter",
    mg: "milligram",
    t: "tonne|metric ton",
    ha: "hectare",
    m2: "square metre|square meter",
    m3: "cubic metre|cubic meter",
    W: "watt",
    kW: "kilowatt",
    MW: "megawatt",
    kWh: "kilowatt-hour|kilowatt hour|kwh",
    MB: "megabyte",
    GB: "gigabyte",
    TB: "terabyte",
    ms: "millisecond",
    second: "second",
    minute: "minute",
    hour: "hour",
    day: "day",
    week: "week",
    month: "month",
    year: "year",
    person: "people|persons|inhabitant|resident|citizen",
  }).flatMap(([unit, names]) =>
    names
      .split("|")
      .flatMap((name) => (/[a-z]{3}$/.test(name) ? [name, `${name}s`] : [name]).map((one) => [one, unit] as const)),
  ),
);

/** How fields write units that no question spells so. */
const SYMBOLS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    s: "second",
    sec: "second",
    min: "minute",
    h: "hour",
    hr: "hour",
    l: "L",
    ml: "mL",
    "m²": "m2",
    "m³": "m3",
    "%": "percent",
    $: "USD",
    "€": "EUR",
    "£": "GBP",
  }),
);

/** Whether two units are one: `kilogram` and `kg`, `litres per second` and `l/s`. */
export const isSameUnit = (one: string, other: string): boolean => one === other || shortForm(one) === shortForm(other);

/** A unit as fields carry it, a rate with a slash: `km/hour`. */
export const shortForm = (unit: string): string =>
  unit
    .split(/\s{1,9}per\s{1,9}|\//iu)
    .map(shortOf)
    .join("/");

/** Units in short, as they are written in "in m3/h": `h` is one and `H` is none. */
const SHORT: ReadonlySet<string> = new Set([...UNITS.values(), ...SYMBOLS.keys()]);

/** Whether a word is a rate in short, such as `m3/h`; one of two currencies is none. */
export const isRate = (word: string): boolean => {
  const parts = word.split("/");
  return (
    parts.length === 2 && parts.every((part) => SHORT.has(part)) && !parts.every((part) => /^[A-Z]{3}$/.test(part))
  );
};

const shortOf = (unit: string): string => UNITS.get(unit.toLowerCase()) ?? SYMBOLS.get(unit.toLowerCase()) ?? unit;
