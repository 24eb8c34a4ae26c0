import { ModelError, type ModelErrorOptions } from "../errors.ts";

const LONGEST_WORDS = 2000;

/** An endpoint's refusal of a request, in its own words: they say which field it does not know. */
export class EndpointRefusal extends ModelError {
  readonly words: string;

  constructor(what: string, words: string, options: ModelErrorOptions) {
    const line = words.replace(/\s+/g, " ").trim();
    super(`${what}: ${line === "" ? "without a word." : line.slice(0, 300)}`, options);
    this.words = line.slice(0, LONGEST_WORDS);
  }
}
