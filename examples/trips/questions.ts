/** What is asked about trips: a small grid of paths, fields and operations, in words. */
import type { Grid } from "../grid.ts";
import type { World } from "./world.ts";

export const tripGrid = (world: World): Grid => ({
  tables: world,
  paths: {
    hotel: { names: ["hotel"], steps: ["hotel {1}"], phrases: ["{1}", "the hotel {1}"] },
    traveller: { names: ["traveller"], steps: ["traveller {1}"], phrases: ["{1}", "the traveller {1}"] },
    booking: { names: ["booking"], steps: ["booking {1}"], phrases: ["{1}", "booking {1}"] },
    museum: { names: ["museum"], steps: ["museum {1}"], phrases: ["{1}"] },
    "booking-hotel": {
      names: ["booking"],
      steps: ["booking {1}", "hotel @1.hotel"],
      phrases: ["the hotel of {1}", "the hotel that {1} is for", "the hotel in booking {1}"],
    },
    "booking-traveller": {
      names: ["booking"],
      steps: ["booking {1}", "traveller @1.traveller"],
      phrases: ["the traveller of {1}", "whoever made {1}", "the traveller who made booking {1}"],
    },
    "museum-hotel": {
      names: ["museum"],
      steps: ["museum {1}", "hotel @1.hotel"],
      phrases: ["the hotel beside {1}", "the hotel next to {1}", "the hotel next door to {1}"],
    },
    "museum-city": { names: ["museum"], steps: ["museum {1}", "city @1.city"], phrases: ["the city of {1}"] },
    "museum-city-country": {
      names: ["museum"],
      steps: ["museum {1}", "city @1.city", "country @2.country"],
      phrases: ["the country of {1}", "the country that has {1}", "the country where {1} stands"],
    },
    "hotel-city-station": {
      names: ["hotel"],
      steps: ["hotel {1}", "city @1.city", "station @2.station"],
      phrases: [
        "the station in the city of {1}",
        "the main station of the city where {1} stands",
        "the station of the city that has {1}",
      ],
    },
    "booking-hotel-city-country": {
      names: ["booking"],
      steps: ["booking {1}", "hotel @1.hotel", "city @2.city", "country @3.country"],
      phrases: [
        "the country in which the hotel of {1} lies",
        "the country of the hotel in booking {1}",
        "the country that {1} leads to",
      ],
    },
    "cities-connection": {
      names: ["city", "city"],
      steps: ["city {1}", "city {2}", "connection @1.station @2.station"],
      phrases: ["the train from {1} to {2}", "the ride from {1} to {2}", "the train that leaves {1} for {2}"],
    },
    "stations-connection": {
      names: ["station", "station"],
      steps: ["connection {1} {2}"],
      phrases: ["the train from {1} to {2}", "the train that leaves {1} for {2}"],
    },
    "traveller-visa": {
      names: ["traveller", "country"],
      steps: ["traveller {1}", "visa @1.passport {2}"],
      phrases: ["the visa of {1} for {2}", "the visa that {1} needs for {2}", "the visa with which {1} enters {2}"],
    },
  },
  fields: {
    price: {
      kind: "count",
      things: "crowns",
      asks: "does a night in {} cost",
      says: "a night in {} costs",
      noun: "the price of a night in {}",
    },
    fare: { kind: "count", things: "crowns", asks: "does {} cost", says: "{} costs", noun: "the fare of {}" },
    fee: { kind: "count", things: "crowns", asks: "does {} cost", says: "{} costs" },
    minutes: { kind: "count", things: "minutes", asks: "does {} take", says: "{} takes" },
    platforms: { kind: "count", things: "platforms", asks: "does {} have", says: "{} has" },
    rooms: { kind: "count", things: "rooms", asks: "does {} have", says: "{} has", all: "do {} have" },
    points: {
      kind: "count",
      things: "points",
      asks: "has {} collected",
      says: "{} has collected",
      all: "have {} collected",
    },
    arrival: { kind: "date", asks: "does {} begin", says: "{} begins", noun: "the arrival of {}" },
    departure: { kind: "date", asks: "does {} end", says: "{} ends", noun: "the departure of {}" },
    opened: { kind: "date", asks: "was {} opened", says: "{} was opened", noun: "the opening of {}" },
    born: { kind: "date", asks: "was {} born", says: "{} was born", noun: "the birth of {}" },
    holiday: {
      kind: "date",
      asks: "does {} celebrate its holiday",
      says: "{} celebrates its holiday",
      noun: "the holiday of {}",
    },
    capital: {
      kind: "name",
      questions: [
        "Which city is the capital of {}?",
        "What is the name of the capital of {}?",
        "Name the capital of {}.",
      ],
    },
  },
  questions: {
    count: [
      "How many {things} {asks}?",
      "State the number of {things} that {says}.",
      "What number of {things} {asks}?",
      "Please look up how many {things} {says}.",
    ],
    date: ["On which date {asks}?", "When {asks}?", "State the date on which {says}."],
    difference: [
      "By how many {things} do {noun} and {other} differ?",
      "How many {things} lie between {noun} and {other}?",
      "What is the difference between {noun} and {other}, as a number of {things}?",
    ],
    sum: [
      "How many {things} {all} in all?",
      "Count the number of {things} of {a} and of {b} together.",
      "What is the sum of the number of {things} of {a} and that of {b}?",
    ],
    days: [
      "How many days are there between {noun} and {other}?",
      "By how many days do {noun} and {other} differ?",
      "Count the number of days between {noun} and {other}.",
    ],
  },
  families: [
    { name: "prices apart", asked: ["hotel.price", "hotel.price"], operation: "difference" },
    { name: "points together", asked: ["traveller.points", "traveller.points"], operation: "sum" },
    { name: "length of a stay", asked: ["booking.arrival", "booking.departure"], operation: "days", same: true },
    { name: "price of a stay", asked: ["booking-hotel.price"], operation: "value" },
    { name: "platforms", asked: ["hotel-city-station.platforms"], operation: "value" },
    {
      name: "hotel and station",
      asked: ["hotel.opened", "hotel-city-station.opened"],
      operation: "days",
      same: true,
    },
    { name: "train ride", asked: ["cities-connection.minutes"], operation: "value" },
    { name: "fares apart", asked: ["stations-connection.fare", "stations-connection.fare"], operation: "difference" },
    { name: "visa fee", asked: ["traveller-visa.fee"], operation: "value" },
    { name: "holiday", asked: ["booking-hotel-city-country.holiday"], operation: "value" },
    { name: "capital", asked: ["museum-city-country.capital"], operation: "name" },
    { name: "births apart", asked: ["booking-traveller.born", "traveller.born"], operation: "days" },
    { name: "rooms together", asked: ["museum-hotel.rooms", "hotel.rooms"], operation: "sum" },
    {
      name: "late or early",
      on: "museum.closes",
      below: "museum-city.tram",
      above: "museum-hotel.price",
      operation: "value",
      numbers: [16, 21],
      questions: [
        {
          compare: "more",
          text: "If {1} closes later than {n} o'clock, how many crowns does a night in the hotel beside it cost? Otherwise, how many crowns does a tram ticket in its city cost?",
        },
        {
          compare: "more",
          text: "How many crowns does a night in the hotel beside {1} cost if it closes after {n} o'clock, or else a tram ticket in its city?",
        },
        {
          compare: "less",
          text: "If {1} closes earlier than {n} o'clock, how many crowns does a tram ticket in its city cost? Otherwise, how many crowns does a night in the hotel beside it cost?",
        },
        {
          compare: "less",
          text: "When it is before {n} o'clock that {1} closes, how many crowns does a tram ticket in its city cost, and when it is not, a night in the hotel beside it?",
        },
      ],
    },
    { name: "stays apart", asked: ["booking-hotel.price", "hotel.price"], operation: "difference", heldOut: true },
    { name: "fare of a ride", asked: ["cities-connection.fare"], operation: "value", heldOut: true },
  ],
});
