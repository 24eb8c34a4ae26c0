import { parseJson } from "../bounded-json.ts";
import { ModelError } from "../errors.ts";
import type { ChatReply } from "../model.ts";
import { defined } from "../options.ts";
import { thoughtReader } from "../thoughts.ts";
import { type Asked, beginningOf, refusedBy, replyIn, usageOf } from "./any-reply.ts";
import { type Said, saidIn } from "./said.ts";
import { dataOf } from "./server-sent-events.ts";

/**
 * A streamed reply, whose text is passed on as it comes, without thoughts. Throws a `ModelError` with what was paid for
 * when it breaks off, and in the endpoint's words where it says why.
 */
export const readStream = async (
  body: AsyncIterable<Uint8Array>,
  asked: Asked,
  onText: (delta: string) => void = () => undefined,
): Promise<ChatReply> => {
  const { model, redact } = asked;
  const clean = redact?.stream();
  const thoughts = thoughtReader();
  const tell = (delta: string): void => {
    const shown = delta === "" ? "" : (clean?.push(delta) ?? delta);
    if (shown !== "") onText(shown);
  };
  const collected = collector();
  let ended = false;
  const brokeOff = (why: string, error?: ModelError): ModelError => {
    const usage = usageOf(collected.said(), asked);
    const { retryable = true, status, cause } = error ?? {};
    return new ModelError(`${model} broke off${why}`, { retryable, cause, ...defined({ status, usage }) });
  };
  try {
    for await (const data of dataOf(body)) {
      if (data.trim() === "[DONE]") {
        ended = true;
        break;
      }
      if (isNothing(data)) continue;
      const part = partOf(data);
      if (part === undefined) throw brokeOff(`, and sent a part that is not JSON: ${beginningOf(data, redact)}.`);
      if (part.complaint !== undefined) {
        const refusal = refusedBy(model, part.complaint, redact);
        throw collected.parts === 0 ? refusal : brokeOff(`: ${refusal.words}`, refusal);
      }
      tell(thoughts.push(collected.add(part, data)));
    }
  } catch (thrown) {
    if (thrown instanceof ModelError) throw thrown;
    throw brokeOff(" in the middle of a reply.");
  }
  tell(thoughts.end());
  const last = clean?.end() ?? "";
  if (last !== "") onText(last);
  const said = collected.said();
  if (!ended && said.finish === undefined) throw brokeOff(" in the middle of a reply.");
  if (collected.repeats()) throw brokeOff(": some of its parts came twice.");
  return replyIn(said, asked);
};

/** Signs of life between the parts. */
const isNothing = (data: string): boolean => /^(?:ping|keep-?alive|heartbeat|null)?$/i.test(data.trim());

const partOf = (data: string): Said | undefined => {
  try {
    return saidIn(parseJson(data), { streamed: true });
  } catch {
    // Said by the caller, with its beginning.
    return undefined;
  }
};

/** Puts the parts of a reply together. */
const collector = () => {
  let [text, parts, repeated, before] = ["", 0, 0, ""];
  let thought = false;
  let last: Said = { thought: false, counts: {} };
  let call: { name: string; input: string } | undefined;
  const ids: number[] = [];
  const logProbs: number[] = [];
  return {
    get parts() {
      return parts;
    },
    /** Takes a part, and gives the text in it. */
    add: (part: Said, data: string): string => {
      thought ||= part.thought;
      last = { ...last, ...part, counts: { ...last.counts, ...part.counts } };
      if (part.call !== undefined)
        call = { name: call?.name || part.call.name, input: (call?.input ?? "") + inputOf(part.call) };
      for (const id of part.tokens?.ids ?? []) ids.push(id);
      for (const logProb of part.tokens?.logProbs ?? []) logProbs.push(logProb);
      const { text: delta = "" } = part;
      if (delta === "") return "";
      parts += 1;
      if (data === before) repeated += 1;
      before = data;
      text += delta;
      return delta;
    },
    /** Whether the parts that came twice in a row are exactly those that are too many. */
    repeats: (): boolean => repeated > 0 && parts - repeated === last.counts.sampled,
    said: (): Said => ({
      ...last,
      thought,
      text,
      ...defined({ call }),
      ...(logProbs.length === 0
        ? {}
        : { tokens: { ...defined({ ids: ids.length === logProbs.length ? ids : undefined }), logProbs } }),
    }),
  };
};

/** A part of a call that has no input yet is not an empty one. */
const inputOf = ({ input }: NonNullable<Said["call"]>): string => (input === "{}" ? "" : input);
