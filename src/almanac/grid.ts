import { type Path, type PathName, paths } from "./paths.ts";

/** What is computed from the fields in the end. */
export type Operation = "value" | "weekday" | "difference" | "sum" | "days" | "distance";

/** One thing that a question asks about: the page at the end of a path, and the field that is wanted of it. */
export interface Asked {
  readonly path: PathName;
  readonly field: string;
}

/** A family of tasks: one or two asked fields and an operation on them. */
export interface Cell {
  /** `path.field.operation`, with `+` between the entities: `person+release.born+date.days`. */
  readonly name: string;
  readonly asked: readonly Asked[];
  readonly operation: Operation;
  /** `trained` cells are for training; `heldOut` ones recombine their parts; `deep` ones are longer than any of them. */
  readonly role: "trained" | "heldOut" | "deep";
  /** Actions of the oracle's plan. */
  readonly actions: number;
}

/** Actions that reach the last page of a path: a search and a page a hop, or one search of an article. */
const reach = (name: PathName): number => {
  const { entry, hops }: Path = paths[name];
  return entry === "person" || entry === "event" ? 1 : 2 + 2 * hops.length;
};

const parse =
  (role: Cell["role"]) =>
  (name: string): Cell => {
    const [pathNames = "", fieldNames = "", operation = ""] = name.split(".");
    const fields = fieldNames.split("+");
    const asked = pathNames
      .split("+")
      .map((path, i): Asked => ({ path: path as PathName, field: fields[i] ?? fields[0] ?? "" }));
    const actions = asked.reduce((total, { path }) => total + reach(path), 1);
    return { name, asked, operation: operation as Operation, role, actions };
  };

const trained = `
person.born.value event.date.weekday
airport.elevation.value code.latitude.value territory.literacy.value element.mass.value symbol.isotopes.value
number.neutrons.value release.date.weekday line.end.value territory.adopted.weekday

airport-country.population.value code-country.gdp.value code-country.adopted.weekday
territory-region.population.value territory-region.territories.value territory-currency.introduced.weekday
release-line.releases.value release-line.started.value line-first.date.value line-latest.date.weekday
airport-country-region.territories.value code-country-region.gdp.value code-country-currency.introduced.value
airport-country-currency.introduced.weekday

airport+code.elevation.difference code+airport.latitude.difference territory+territory.population.difference
element+symbol.mass.difference symbol+number.neutrons.difference number+element.isotopes.difference
territory+airport-country.gdp.difference code-country+territory.population.difference

code+code.elevation.sum element+number.mass.sum symbol+element.isotopes.sum territory+territory.gdp.sum
airport-country+territory.gdp.sum territory+code-country.population.sum

event+person.date+born.days person+person.born+died.days person+release.born+date.days release+event.date.days
territory+person.adopted+born.days release+release.date.days
line-latest+event.date.days release-line+person.started+born.days
event+code-country.date+adopted.days territory-currency+event.introduced+date.days
person+territory-currency.died+introduced.days
release+release-line.date+started.days

airport+airport.position.distance airport+code.position.distance code+airport.position.distance
`;

const heldOut = `
code.elevation.value territory.population.value symbol.mass.value
code-country.population.value airport-country.gdp.value territory-region.gdp.value line-latest.date.value
code-country-currency.introduced.weekday

airport+code.latitude.difference element+number.isotopes.difference territory+code-country.gdp.difference
symbol+element.mass.sum airport-country+territory.population.sum
event+release.date.days person+event.born+date.days
territory-currency+person.introduced+born.days
code+code.position.distance
`;

const deep = `
airport-country-currency+event.introduced+date.days
code-country+airport-country.population.difference
code-country-region+airport-country.gdp.difference
`;

const read = (names: string, role: Cell["role"]): readonly Cell[] => names.trim().split(/\s+/).map(parse(role));

/** The whole grid: trained cells first, then held-out ones, then deep ones. */
export const grid: readonly Cell[] = [...read(trained, "trained"), ...read(heldOut, "heldOut"), ...read(deep, "deep")];
