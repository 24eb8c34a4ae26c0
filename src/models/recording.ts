import { createHash } from "node:crypto";
import { appendFile, readFile } from "node:fs/promises";
import { ModelError, messageOf, StoreError } from "../errors.ts";
import { redactedReply } from "../metered.ts";
import type { ChatModel, ChatReply, ChatRequest } from "../model.ts";
import { defined, name, objectWith, required } from "../options.ts";
import { type Redactor, redactor, redactors } from "../secrets/redact.ts";

/** One line of a recording. */
interface Recorded {
  readonly schemaVersion: 1;
  readonly model: string;
  /** Hash of what was asked. */
  readonly key: string;
  /** What was asked, for people and for a message that names what differs. */
  readonly request: ReturnType<typeof askedOf>;
  readonly reply: ChatReply;
}

/**
 * A model whose calls are written down, a line each, as they are answered: `replayModel` gives them again. No secret that
 * the model was given, or that its caller looks for, is in them.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible, recordingModel } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model: recordingModel(model, "calls.jsonl"), tools: {} });
 * ```
 */
export const recordingModel = (model: ChatModel, file: string): ChatModel => {
  required(objectWith("a chat model", "complete"))(model, "recordingModel: the model");
  required(name)(file, "recordingModel: the file");
  let writing = Promise.resolve();
  let own: Redactor | undefined;
  return {
    ...model,
    complete: async (request) => {
      const said = await model.complete(request);
      const secrets = (await model.secrets?.()) ?? [];
      if (secrets.length > 0) own ??= redactor(secrets);
      const redact = redactors(own, request.redact);
      const reply = redact === undefined ? said : redactedReply(said, redact);
      const asked = redact === undefined ? askedOf(request) : redact.value(askedOf(request));
      // The key is that of the request as it is: so it is found again.
      const line: Recorded = { schemaVersion: 1, model: model.id, key: keyOf(askedOf(request)), request: asked, reply };
      writing = writing.then(() => appendFile(file, `${JSON.stringify(line)}\n`));
      await writing;
      return reply;
    },
  };
};

/**
 * A recording as a model: the same request gets the reply that it got then, the n-th time the n-th. Throws `StoreError`
 * for a file that is not a recording, and `ModelError` for a request that is not in it.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { replayModel } from "agentflow/models";
 *
 * const flow = createFlow({ model: await replayModel("calls.jsonl"), tools: {} });
 * ```
 */
export const replayModel = async (file: string): Promise<ChatModel> => {
  required(name)(file, "replayModel: the file");
  const lines = await read(file);
  const replies = new Map<string, ChatReply[]>();
  for (const { key, reply } of lines) replies.set(key, [...(replies.get(key) ?? []), reply]);
  const given = new Map<string, number>();
  return {
    id: lines[0]?.model ?? "replay",
    // What it cost was paid then, and is in its replies.
    priced: true,
    complete: async (request) => {
      request.abortSignal?.throwIfAborted();
      const asked = askedOf(request);
      const key = keyOf(asked);
      const n = given.get(key) ?? 0;
      const reply = replies.get(key)?.[n];
      if (reply === undefined) throw new ModelError(missing(asked, n, lines, file));
      given.set(key, n + 1);
      request.onText?.(reply.text);
      return reply;
    },
  };
};

/** What decides about a reply; who listens and who may abort does not. */
const askedOf = ({
  messages,
  maxTokens,
  temperature,
  topP,
  stop,
  randomKey,
  grammar,
  tools,
  logProbs,
}: ChatRequest) => ({
  messages,
  maxTokens: maxTokens ?? null,
  temperature: temperature ?? null,
  topP: topP ?? null,
  stop: stop ?? null,
  randomKey: randomKey ?? null,
  grammar: grammar ?? null,
  ...defined({ tools }),
  logProbs: logProbs ?? false,
});

const keyOf = (asked: ReturnType<typeof askedOf>): string =>
  createHash("sha256").update(JSON.stringify(asked)).digest("hex");

const read = async (file: string): Promise<Recorded[]> => {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new StoreError(`Cannot read the recording ${file}: ${messageOf(error)}`, { cause: error });
  }
  // A line that was being written when the process died is not there.
  const lines = text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .slice(0, -1);
  return lines.map((line, i) => {
    let value: Partial<Recorded> | null = null;
    try {
      value = JSON.parse(line) as Partial<Recorded> | null;
    } catch {
      // Told below, with its number.
    }
    if (value?.schemaVersion !== 1 || typeof value.key !== "string" || typeof value.reply?.text !== "string")
      throw new StoreError(`Line ${i + 1} of ${file} is not a recorded call of a model (schemaVersion 1).`);
    return value as Recorded;
  });
};

/** Names the first message that differs from the recorded request that is most like this one. */
const missing = (asked: ReturnType<typeof askedOf>, n: number, lines: readonly Recorded[], file: string): string => {
  if (n > 0) return `${file} holds this request ${n} times; it was made once more.`;
  const differsAt = ({ request }: Recorded): number => {
    const at = asked.messages.findIndex(({ content }, i) => request.messages[i]?.content !== content);
    return at < 0 ? asked.messages.length : at;
  };
  const nearest = Math.max(-1, ...lines.map(differsAt));
  if (nearest < 0) return `${file} holds no calls.`;
  const message = asked.messages[nearest];
  return message === undefined
    ? `${file} does not hold this request: its messages are there, with other settings.`
    : `${file} does not hold this request: message ${nearest + 1} is another one there. It begins ${JSON.stringify(message.content.slice(0, 80))}.`;
};
