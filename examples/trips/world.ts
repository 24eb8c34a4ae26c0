/** A made-up continent to travel in: countries, cities, trains, hotels, museums, and who has booked what. The same seed makes the same one. */
import { type Random, random, randomKey } from "agentflow";
import type { Row } from "../grid.ts";

const words = (starts: string, ends: string): string[] =>
  starts.split(" ").flatMap((start) => ends.split(" ").map((end) => start + end));

const countryNames = words("Ost Kar Vel Lum", "andia eria oria");
const cityNames = words("Bar Fen Gal Hol Jor Lin Mar Nor Pel Rud", "haven wick stead mouth ford brook");
const houseNames = words(
  "Ash Birch Clover Dove Elm Fox Gull Heron Iris",
  "gate field well crest bank down hill side mere wood",
);
const showNames = words("Alm Brom Cor Dun Esk Fal Gis Hard Im", "beck ley ton worth dale garth combe thorpe ham shaw");
const firstNames = words("Al Be Cla Do Em Fe", "na ric lia mar");
const lastNames = words("Ander Bruun Castel Dahl Ekman", "sen ova berg ini");
const stations = ["Central", "Harbour", "Junction", "Gardens"];
const hotels = ["Lodge", "House", "Palace", "Court"];
const shows = ["Museum", "Gallery", "Tower", "Aquarium"];

const between = (draws: Random, least: number, most: number): number => least + draws.below(most - least + 1);

/** A day from the first of January of a year on. */
const dayOf = (year: number, offset: number): string =>
  new Date(Date.UTC(year, 0, 1 + offset)).toISOString().slice(0, 10);

/** One of a list by number, from the first again after the last: each is taken about as often as any other. */
const turn = <T>(list: readonly T[], index: number): T => {
  const item = list[index % list.length];
  if (item === undefined) throw new Error("The list is empty.");
  return item;
};

export type World = Readonly<
  Record<
    "country" | "city" | "station" | "connection" | "hotel" | "museum" | "traveller" | "booking" | "visa",
    ReadonlyMap<string, Row>
  >
>;

/** Rows by what they are looked up with; text fields are names of rows of other tables. Prices are in crowns. */
export const makeWorld = (seed: number): World => {
  const draws = random(randomKey("continent", seed));
  const row = <T extends Row>(name: string, of: T): readonly [string, T] => [name, of];
  const year = (first: number, last: number): string => dayOf(between(draws, first, last), draws.below(365));

  const city = draws.shuffle(cityNames).map((name, i) =>
    row(name, {
      country: turn(countryNames, i),
      station: `${name} ${draws.pick(stations)}`,
      tram: between(draws, 4, 60),
      people: between(draws, 9000, 900_000),
    }),
  );
  const country = countryNames.map((name) => {
    const [capital] = draws.pick(city.filter(([, { country }]) => country === name));
    return row(name, { capital, holiday: dayOf(2032, between(draws, 0, 364)), tax: between(draws, 3, 25) });
  });
  const station = city.map(([name, { station }]) =>
    row(station, {
      city: name,
      platforms: between(draws, 2, 40),
      lockers: between(draws, 20, 900),
      opened: year(1890, 2020),
    }),
  );
  const connection = station.flatMap(([from]) =>
    station
      .filter(([to]) => to !== from)
      .map(([to]) =>
        row(`${from} ${to}`, {
          minutes: between(draws, 25, 900),
          fare: between(draws, 15, 700),
          changes: between(draws, 0, 5),
        }),
      ),
  );
  const hotel = draws.shuffle(houseNames).map((name, i) =>
    row(`${name} ${draws.pick(hotels)}`, {
      city: turn(city, i)[0],
      price: between(draws, 35, 600),
      rooms: between(draws, 8, 400),
      opened: year(1900, 2028),
    }),
  );
  const museum = draws.shuffle(showNames).map((name) => {
    const [place] = draws.pick(city);
    const [beside] = draws.pick(hotel.filter(([, { city }]) => city === place));
    return row(`${name} ${draws.pick(shows)}`, {
      city: place,
      hotel: beside,
      closes: between(draws, 14, 23),
      ticket: between(draws, 4, 90),
    });
  });
  const traveller = draws
    .shuffle(firstNames.flatMap((first) => lastNames.map((last) => `${first} ${last}`)))
    .slice(0, 120)
    .map((name) =>
      row(name, {
        home: draws.pick(city)[0],
        passport: draws.pick(countryNames),
        born: year(1950, 2012),
        points: between(draws, 10, 9000),
      }),
    );
  const codes = draws.shuffle(Array.from({ length: 9000 }, (_, i) => 1000 + i)).slice(0, 200);
  const booking = codes.map((code, i) => {
    const arrival = between(draws, 0, 330);
    return row(`b-${code}`, {
      traveller: turn(traveller, i)[0],
      hotel: turn(hotel, i)[0],
      arrival: dayOf(2032, arrival),
      departure: dayOf(2032, arrival + between(draws, 2, 28)),
      guests: between(draws, 1, 6),
    });
  });
  const visa = countryNames.flatMap((passport) =>
    countryNames
      .filter((to) => to !== passport)
      .map((to) => row(`${passport} ${to}`, { fee: between(draws, 5, 250), stay: between(draws, 7, 180) })),
  );
  return {
    country: new Map(country),
    city: new Map(city),
    station: new Map(station),
    connection: new Map(connection),
    hotel: new Map(hotel),
    museum: new Map(museum),
    traveller: new Map(traveller),
    booking: new Map(booking),
    visa: new Map(visa),
  };
};
