import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { ModelError } from "../errors.ts";
import { redactedReply } from "../metered.ts";
import type { ChatMessage, ChatReply, Price } from "../model.ts";
import { defined } from "../options.ts";
import type { Redactor } from "../secrets/redact.ts";
import { withoutThoughts } from "../thoughts.ts";
import type { Spent } from "../usage.ts";
import { EndpointRefusal } from "./endpoint-refusal.ts";
import { dollarsOf } from "./price.ts";
import { type Said, saidIn } from "./said.ts";
import { Starved } from "./starved.ts";

/** Who is asked, and what for: for the words of errors, and for counts that an endpoint does not give. */
export interface Asked {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  /** Tokens that the reply may have. */
  readonly limit: number;
  readonly price: Price | undefined;
  /** Whether a call of a tool is what was asked for. */
  readonly calls: boolean;
  readonly redact: Redactor | undefined;
}

type Redact = (text: string) => string;

/** What a body of JSON says. Throws a retryable `ModelError` for one that is none, in its own words. */
export const saidInBody = (body: string, model: string, redact: Redact | undefined, limits: JsonLimits = {}): Said => {
  let value: unknown;
  try {
    value = parseJson(body.replace(/^\uFEFF/, ""), limits);
  } catch (error) {
    const what = body.trim() === "" ? "an empty body" : `a reply that is not JSON: ${beginningOf(body, redact)}`;
    throw new ModelError(`${model} sent ${what}.`, { retryable: true, cause: error });
  }
  const said = saidIn(value);
  if (said !== undefined) return said;
  throw new ModelError(`${model} sent a reply that is not a completion: ${beginningOf(body, redact)}.`, {
    retryable: true,
  });
};

/** The beginning of what an endpoint says, in one line, cut after its secrets are out. */
export const beginningOf = (said: string, redact: Redact | undefined): string => {
  const line = (redact?.(said.slice(0, 4096)) ?? said.slice(0, 4096)).replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
};

const LENGTH = /length|max_?(?:output_?|completion_?|new_?)?tokens?|token_limit/i;
const WITHHELD = /filter|safety|recitation|blocklist|prohibited|sensitive|spii|refusal|guardrail|moderation/i;
const FAILED = /^(?:error|failed|failure|network_error|abort(?:ed)?|cancell?ed|timeout)$/i;

/**
 * The reply in what was said, without thoughts. Throws `ModelError` with the endpoint's words for anything else: a
 * refusal, an empty text, a text that broke off; and `Starved` where thoughts took all the room.
 */
export const replyIn = (said: Said, asked: Asked): ChatReply => {
  const { model, limit, redact, calls } = asked;
  const { complaint, finish = "", tokens, refusal } = said;
  if (complaint !== undefined) throw refusedBy(model, complaint, redact);
  const raw = said.text ?? "";
  const read = withoutThoughts(raw);
  const text = read.text.trim() === "" ? callText(said) : (calls && callText(said)) || read.text;
  const thought = said.thought || read.thought;
  const usage = usageOf(said, asked);
  const failed = (what: string, retryable = true): ModelError =>
    new ModelError(`${model} ${what}`, { retryable, ...defined({ usage }) });
  const because = finish === "" ? "" : ` (finish_reason "${beginningOf(finish, redact)}")`;
  if (FAILED.test(finish)) throw failed(`broke off${because}.`);
  const isCut = LENGTH.test(finish);
  const reply: ChatReply = {
    text,
    promptTokens: 0,
    sampledTokens: 0,
    ...usage,
    finish: isCut ? "length" : "stop",
    ...defined({ tokens: text === raw ? tokens : undefined, model: said.model }),
  };
  if (isCut && (thought || text.trim() === ""))
    throw new Starved(model, limit, defined({ usage, reply: text.trim() === "" ? undefined : clean(reply, redact) }));
  if (text.trim() !== "") return reply;
  if (refusal !== undefined) throw failed(`refused to answer: ${beginningOf(refusal, redact)}`, false);
  if (WITHHELD.test(finish)) throw failed(`withheld its reply${because}.`, false);
  if (thought) throw failed(`thought, and sent an empty reply${because}.`);
  if (said.text === undefined) throw failed(`sent a reply without a text${because}.`);
  throw failed(`sent an empty reply${because}.`);
};

const clean = (reply: ChatReply, redact: Redactor | undefined): ChatReply =>
  redact === undefined ? reply : redactedReply(reply, redact);

/** A tool that was called, though none was offered, is a text to whoever asked for one. */
const callText = ({ call }: Said): string => {
  if (call === undefined || call.name === "") return "";
  try {
    return JSON.stringify({ name: call.name, arguments: parseJson(call.input || "{}") });
  } catch {
    // Cut, or not JSON: it is no call.
    return "";
  }
};

/** What was paid for. An endpoint that counts nothing still spends: a token is about four characters. */
export const usageOf = (
  { text = "", counts, tokens, call }: Said,
  { messages, price }: Pick<Asked, "messages" | "price">,
): Spent | undefined => {
  const { prompt, sampled, cached } = counts;
  const written = text.length + (call?.input.length ?? 0);
  if (prompt === undefined && sampled === undefined && written === 0) return undefined;
  const used = {
    promptTokens: prompt ?? Math.ceil(messages.reduce((sum, { content }) => sum + content.length, 0) / 4),
    sampledTokens: sampled ?? tokens?.logProbs.length ?? Math.ceil(written / 4),
    ...defined({ cachedTokens: cached }),
  };
  return { ...used, ...defined({ dollars: dollarsOf(used, price) }) };
};

/** A complaint of an endpoint that called its reply a success. */
export const refusedBy = (
  model: string,
  { words, status, final }: NonNullable<Said["complaint"]>,
  redact: Redactor | undefined,
): EndpointRefusal =>
  new EndpointRefusal(`${model} sent an error${status === undefined ? "" : ` ${status}`}`, redact?.(words) ?? words, {
    retryable: !final,
    ...defined({ status }),
  });
