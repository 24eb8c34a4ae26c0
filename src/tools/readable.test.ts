import { expect, it } from "vitest";
import { readablePage } from "./readable.ts";

it("gives no row of a page a name that means something to a flow or to the tool", async () => {
  const rows = ["Value", "VALUE:", " value ", "Title", "__proto__", "Height"];
  const html = `<!doctype html><html><body><p>${"A page. ".repeat(40)}</p>${rows
    .map((name, i) => `<table><tr><th>${name}</th><td>66${i}</td></tr></table>`)
    .join("")}</body></html>`;
  const { fields } = await readablePage(Buffer.from(html), "text/html", "https://example.org/");
  expect(fields).toEqual({
    page_value: { kind: "number", value: 660 },
    page_title: { kind: "number", value: 663 },
    proto: { kind: "number", value: 664 },
    height: { kind: "number", value: 665 },
  });
});
