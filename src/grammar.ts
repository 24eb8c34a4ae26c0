/** A language that a sample's text is held to: JSON of a schema, or a regular expression over the whole text. */
export type Grammar =
  | { readonly type: "json"; readonly schema: Readonly<Record<string, unknown>> }
  | { readonly type: "pattern"; readonly pattern: string };
