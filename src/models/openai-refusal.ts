import { parseJson } from "../bounded-json.ts";
import { ModelError, retryableStatus } from "../errors.ts";
import { defined } from "../options.ts";
import type { Redactor } from "../secrets/redact.ts";
import type { HttpReply } from "./transport.ts";

const LONGEST_COMPLAINT = 2 ** 16;

/** A reply that is no success, as an error that says whether the request may be sent again, and when. */
export const refusalOf = (reply: HttpReply, text: string, model: string, redact: Redactor | undefined): ModelError => {
  const retryAfterSeconds = secondsOf(reply.header("retry-after"));
  return new ModelError(`${model} refused the request with ${reply.status}: ${complaintOf(text, redact)}`, {
    status: reply.status,
    retryable: retryableStatus(reply.status),
    ...defined({ retryAfterSeconds }),
  });
};

/** `Retry-After` in seconds, given as such or as a date. */
const secondsOf = (value: string | undefined): number | undefined => {
  if (value === undefined) return undefined;
  const seconds = /^\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
};

/** The endpoint's own words, in one bounded line. */
const complaintOf = (text: string, redact: (text: string) => string = (said) => said): string => {
  let said = text;
  try {
    const { error } = parseJson(text.slice(0, LONGEST_COMPLAINT)) as {
      readonly error?: { readonly message?: unknown } | string;
    };
    said = typeof error === "string" ? error : typeof error?.message === "string" ? error.message : text;
  } catch {
    // Not JSON: a proxy's page, of which the beginning will do.
  }
  const line = redact(said.slice(0, LONGEST_COMPLAINT)).replace(/\s+/g, " ").trim();
  return line === "" ? "without a word." : line.slice(0, 300);
};
