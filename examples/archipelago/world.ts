/** A made-up archipelago: its ferries, captains and islands. The same table everywhere, drawn from one number. */
import { type Field, type Random, random, randomKey } from "agentflow";

export type Kind = "ferry" | "captain" | "island";
export type Row = Readonly<Record<string, Field>>;

/** Rows by the names that they are looked up with. */
export type World = Readonly<Record<Kind, ReadonlyMap<string, Row>>>;

const WORLD_SEED = 1;
const COUNT: Readonly<Record<Kind, number>> = { ferry: 60, captain: 60, island: 40 };

const words = (starts: string, ends: string): string[] =>
  starts.split(" ").flatMap((start) => ends.split(" ").map((end) => start + end));

const names = (draws: Random): Readonly<Record<Kind, readonly string[]>> => ({
  ferry: draws
    .shuffle(words("Mar Sel Cor Hal Nor Wil Tam Pel Bri Fen", "low kie ana cyon dic ona"))
    .slice(0, COUNT.ferry),
  captain: draws
    .shuffle(words("Ada Ivo Lena Otto Runa Sven Tove Yrsa", "_Brand _Holm _Lund _Moe _Rask _Strand _Vik _Dahl"))
    .map((name) => name.replace("_", " "))
    .slice(0, COUNT.captain),
  island: draws.shuffle(words("Tor Kel Ras Ork Lun Sten Vag Hest", "say ness holm oy vik")).slice(0, COUNT.island),
});

const text = (value: string): Field => ({ kind: "text", value });
const number = (value: number, unit: string): Field => ({ kind: "number", value, unit });

const makeWorld = (): World => {
  const draws = random(randomKey("archipelago", WORLD_SEED));
  const between = (least: number, most: number): number => least + draws.below(most - least + 1);
  const { ferry, captain, island } = names(draws);
  const crews = draws.shuffle(captain);
  return {
    ferry: new Map(
      ferry.map((name, i) => [
        name,
        {
          captain: text(crews[i] ?? ""),
          island: text(draws.pick(island)),
          seats: number(between(20, 400), "seat"),
          speed: number(between(8, 40), "knot"),
        },
      ]),
    ),
    captain: new Map(
      captain.map((name) => [
        name,
        {
          ferry: text(ferry[crews.indexOf(name)] ?? ""),
          island: text(draws.pick(island)),
          years: number(between(1, 45), "year"),
        },
      ]),
    ),
    island: new Map(
      island.map((name) => [
        name,
        {
          ferry: text(draws.pick(ferry)),
          people: number(between(30, 9000), "person"),
          height: number(between(4, 600), "m"),
        },
      ]),
    ),
  };
};

export const world = makeWorld();
