import { expect, it } from "vitest";
import { fieldName, fieldOf, fieldsOf } from "./fields.ts";

it("names are spelt as references spell them, and values stay what they are", () => {
  expect(["first night", "Länge (m)", "lead_time", "a.b-c", " ", "__proto__"].map(fieldName)).toEqual([
    "first_night",
    "Länge (m)",
    "lead_time",
    "a.b-c",
    " ",
    "__proto__",
  ]);
  expect(fieldsOf({ "first night": "1999-02-28", "flagship hall": { "seats in all": 3 }, " ": 1 })).toEqual({
    first_night: { kind: "date", value: "1999-02-28" },
    flagship_hall_seats_in_all: { kind: "number", value: 3 },
  });
});

it("no secret is spelt so that it would not be known as one", () => {
  for (const secret of ["sk-9/f+Q2==", "a.b.c", "p@ss:word"]) expect(fieldName(secret)).toBe(secret);
});

it("a text is a date where it is a day of the calendar", () => {
  const kindOf = (text: string) => fieldOf(text)?.kind;
  expect(["2031-02-28", "2032-02-29"].map(kindOf)).toEqual(["date", "date"]);
  expect(["2031-02-29", "2031-13-01", "2031-2-8", "on 2031-02-28", "1703", "007"].map(kindOf)).toEqual(
    Array.from({ length: 6 }, () => "text"),
  );
});
