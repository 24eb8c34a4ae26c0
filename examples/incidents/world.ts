/** A made-up company that runs services: who owns them, what was deployed, what broke. The same seed makes the same company. */
import { type Random, random, randomKey } from "agentflow";
import type { Row } from "../grid.ts";

const words = (starts: string, ends: string): string[] =>
  starts.split(" ").flatMap((start) => ends.split(" ").map((end) => start + end));

const roles = ["Gateway", "Ledger", "Mailer", "Billing", "Cache", "Router", "Vault", "Planner"];
const serviceWords = words("Bre Tov Kal Mur Sel Dra Quo Hesp Vin Orl", "lka ane mond idge usk ara enby orel");
const firstNames = words("Il Da Re Mo Sa Te No Vi", "sa rin mek velo");
const lastNames = words("Mor Tave Kell Osk Brin Harl Zed Wyn", "vane lock strand ery");
const crews = words("Am Bas Ced Del Fli", "ber alt ara ton");

const between = (draws: Random, least: number, most: number): number => least + draws.below(most - least + 1);

/** A day from the first of January of a year on. */
const dayOf = (year: number, offset: number): string =>
  new Date(Date.UTC(year, 0, 1 + offset)).toISOString().slice(0, 10);

/** Distinct numbers of four digits. */
const numbers = (draws: Random, count: number): number[] =>
  draws.shuffle(Array.from({ length: 9000 }, (_, i) => 1000 + i)).slice(0, count);

const table = (rows: readonly (readonly [string, Row])[]): Map<string, Row> => new Map(rows);

export type World = Readonly<
  Record<"service" | "incident" | "deployment" | "team" | "rota" | "engineer" | "logs", Map<string, Row>>
>;

const INCIDENTS_EACH = 3;

/** Rows by what they are looked up with; text fields are names of rows of other tables. */
export const makeWorld = (seed: number): World => {
  const draws = random(randomKey("company", seed));
  const teams = crews.map((crew) => `${crew} Crew`);
  const services = draws.shuffle(serviceWords).map((word) => `${word} ${draws.pick(roles)}`);
  const engineers = draws
    .shuffle(firstNames.flatMap((first) => lastNames.map((last) => `${first} ${last}`)))
    .slice(0, 90)
    .map((name, i) => ({ name, team: teams[i % teams.length] ?? "" }));
  const anyOf = (team: string): string => draws.pick(engineers.filter((one) => one.team === team)).name;
  const codes = numbers(draws, (2 * INCIDENTS_EACH + 1) * services.length);

  const service: [string, Row][] = [];
  const incident: [string, Row][] = [];
  const deployment: [string, Row][] = [];
  const logs: [string, Row][] = [];
  for (const name of services) {
    const team = draws.pick(teams);
    let day = between(draws, 0, 40);
    let [latest, last] = ["", ""];
    const deploy = (on: number): void => {
      latest = `dep-${codes.pop()}`;
      // Whoever writes a change need not be of the team that owns the service.
      const author = draws.pick(engineers).name;
      deployment.push([latest, { service: name, author, shipped: dayOf(2031, on), lines: between(draws, 3, 900) }]);
    };
    for (let i = 0; i < INCIDENTS_EACH; i += 1) {
      const [shipped, opened] = [day, day + between(draws, 1, 50)];
      deploy(shipped);
      last = `INC-${codes.pop()}`;
      incident.push([
        last,
        {
          service: name,
          deployment: latest,
          opened: dayOf(2031, opened),
          minutes: between(draws, 4, 480),
          customers: between(draws, 1, 99),
        },
      ]);
      for (const at of [shipped, opened])
        logs.push([
          `${name} ${dayOf(2031, at)}`,
          { errors: between(draws, 20, 9000), warnings: between(draws, 50, 20_000) },
        ]);
      day = opened + between(draws, 1, 50);
    }
    // What was deployed last need not be what broke last.
    if (draws.next() < 0.5) deploy(day);
    const launched = dayOf(between(draws, 2022, 2030), draws.below(360));
    service.push([name, { team, deployment: latest, incident: last, replicas: between(draws, 2, 240), launched }]);
  }
  const team = teams.map((name): [string, Row] => [
    name,
    { lead: anyOf(name), members: between(draws, 4, 40), formed: dayOf(between(draws, 2019, 2028), draws.below(360)) },
  ]);
  const rota = teams.map((name): [string, Row] => {
    const [primary = "", deputy = ""] = draws
      .shuffle(engineers.filter((one) => one.team === name))
      .map((one) => one.name);
    return [name, { primary, deputy, handover: dayOf(2032, between(draws, 0, 27)) }];
  });
  const engineer = engineers.map(({ name, team }): [string, Row] => [
    name,
    { team, joined: dayOf(between(draws, 2020, 2030), draws.below(360)), shifts: between(draws, 3, 120) },
  ]);
  return {
    service: table(service),
    incident: table(incident),
    deployment: table(deployment),
    team: table(team),
    rota: table(rota),
    engineer: table(engineer),
    logs: table(logs),
  };
};
