/** A framework that is measured: the same three turns of two tools in each, as its documentation says, with its defaults. */
export interface Subject {
  /** Solves a question with a model that answers at once; the second turn waits for `wait`, where it is given. */
  solve(wait?: Promise<void>): (i: number) => Promise<unknown>;
  /** One call of an OpenAI-compatible model over HTTP; undefined where that takes another package. */
  ask?(baseURL: string): () => Promise<unknown>;
}

/** What the model calls at each turn. */
export const turns = [
  { tool: "look", query: "a" },
  { tool: "read", query: "b" },
  { tool: "look", query: "c" },
] as const;

export const QUESTION = "Which?";
export const ANSWER = "fine";
