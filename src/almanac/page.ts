import type { Field } from "../tool.ts";

/** A page of the Almanac: one real thing, its figures and what it names. */
export interface Page {
  /** `kind/slug`, such as `airport/LOS`; its address is `almanac:airport/LOS`. */
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  /** Other names that find it: codes, symbols, numbers. */
  readonly names: readonly string[];
  /** Prose pages are found by `wikipedia_search` only, table pages by `web_search` only. */
  readonly form: "table" | "prose";
  /** The lead text of a prose page (it states its fields in words), or one sentence that says what the thing is. */
  readonly text: string;
  /** In the order in which the page shows them. A text field that names another page holds that page's title. */
  readonly fields: Readonly<Record<string, Field>>;
}
