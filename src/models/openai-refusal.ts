import { parseJson } from "../bounded-json.ts";
import { retryableStatus } from "../errors.ts";
import { defined } from "../options.ts";
import type { Redactor } from "../secrets/redact.ts";
import { EndpointRefusal } from "./endpoint-refusal.ts";
import { type Complaint, complaintOf } from "./said.ts";
import type { HttpReply } from "./transport.ts";

const LONGEST_COMPLAINT = 2 ** 16;

/** A reply that is no success, as an error that says whether the request may be sent again, and when. */
export const refusalOf = (
  reply: HttpReply,
  text: string,
  {
    model,
    hasKey,
    redact,
  }: { readonly model: string; readonly hasKey: boolean; readonly redact: Redactor | undefined },
): EndpointRefusal => {
  const { status } = reply;
  const { words, final } = complaintIn(text, status);
  const said = redact?.(words) ?? words;
  const keyless =
    status === 401 && !hasKey
      ? " No key was sent: give this address its own (apiKey, or keyFrom in a configuration)."
      : "";
  return new EndpointRefusal(`${model} refused the request with ${status}`, `${said}${keyless}`, {
    status,
    retryable: !final,
    ...defined({ retryAfterSeconds: secondsOf(reply.header("retry-after")) }),
  });
};

/** The complaint in a body. */
export const complaintIn = (body: string, status: number): Complaint => {
  const text = body.slice(0, LONGEST_COMPLAINT);
  try {
    const value = parseJson(text) as Readonly<Record<string, unknown>> | readonly unknown[];
    const whole = (Array.isArray(value) ? value[0] : value) as { readonly error?: unknown } | null | undefined;
    return complaintOf([...(whole?.error == null ? [] : [whole.error]), whole], status);
  } catch {
    // Not JSON: a proxy's page, of which the beginning will do.
    return { words: text, status, final: !retryableStatus(status) };
  }
};

/** `Retry-After` in seconds, given as such or as a date. */
const secondsOf = (value: string | undefined): number | undefined => {
  if (value === undefined) return undefined;
  const seconds = /^\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
};
