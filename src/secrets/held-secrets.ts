import { type Redactor, redactor, redactors } from "./redact.ts";
import { keysOf, secretsGiven } from "./secrets.ts";

/** What somebody was given to authorise himself with, and how it is kept out of texts. */
export interface HeldSecrets {
  readonly secrets: readonly string[];
  /** A redactor of these and of those that another one takes out already; none where there is nothing to take out. */
  redactorWith(other: Redactor | undefined): Redactor | undefined;
}

/** The secrets in a key, in headers, and further ones. */
export const heldSecrets = (
  key: string,
  headers: Readonly<Record<string, string>>,
  further: readonly string[],
): HeldSecrets => {
  const secrets = [...keysOf(key), ...secretsGiven(headers), ...further];
  const own = secrets.length === 0 ? undefined : redactor(secrets);
  return { secrets, redactorWith: (other) => redactors(own, other) };
};
