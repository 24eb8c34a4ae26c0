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
    USD: "us dollar|dollar",
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

/** Whether two units are one: `kilogram` and `kg`. */
export const isSameUnit = (one: string, other: string): boolean => one === other || shortOf(one) === shortOf(other);

const shortOf = (unit: string): string => UNITS.get(unit.toLowerCase()) ?? unit;
