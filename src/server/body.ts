import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { messageOf } from "../errors.ts";
import { RequestError } from "./request-error.ts";

/** Largest body of a request, in bytes. */
export const BODY_BYTES = 2 ** 20;
const HEARD_BYTES = 8 * BODY_BYTES;
const LIMITS: JsonLimits = { depth: 32, values: 50_000 };

/** The JSON of a request's body; of none at all an empty object. Throws `RequestError` for another type of content, too many bytes, and what is not JSON. */
export const jsonBody = async (request: Request): Promise<unknown> => {
  if (request.body === null) return {};
  const type = request.headers.get("content-type") ?? "none";
  if (!/^application\/json\s*(?:;|$)/i.test(type))
    throw new RequestError(415, `The content type is ${type.slice(0, 100)}: accepted is application/json.`);
  const bytes = await bytesOf(request);
  if (bytes.length === 0) return {};
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), LIMITS);
  } catch (cause) {
    throw new RequestError(400, `The body is not JSON that can be read: ${messageOf(cause)}.`, { cause });
  }
};

const tooLarge = (): RequestError => new RequestError(413, `The body has more than ${BODY_BYTES} bytes.`);

const bytesOf = async ({ body }: Request): Promise<Uint8Array> => {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of body ?? []) {
      length += part.length;
      // The rest is read and thrown away, up to a limit: a client that still sends does not hear a refusal.
      if (length > HEARD_BYTES) break;
      if (length > BODY_BYTES) parts.length = 0;
      else parts.push(part);
    }
  } catch (cause) {
    throw new RequestError(400, `The body broke off after ${length} bytes.`, { cause });
  }
  if (length > BODY_BYTES) throw tooLarge();
  return Buffer.concat(parts);
};
