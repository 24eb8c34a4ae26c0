import { isPlainDraw, type Sample, type SampleRequest, type Tokenizer } from "../../engine.ts";
import { ConfigError, EngineError } from "../../errors.ts";
import type { Connection, Json } from "./connection.ts";
import { Expired, Lost } from "./failures.ts";
import { createGate } from "./gate.ts";
import { decodeSampleResponse } from "./wire/sample-response.ts";

/** Draws samples at a server, many at once. */
export interface Sampling {
  /** Whether all that was drawn came from the model's own distribution. */
  readonly plain: boolean;
  sample(session: string, version: string, request: SampleRequest): Promise<Sample>;
}

export interface SamplingParts {
  readonly connection: Connection;
  readonly tokenizer: Tokenizer;
  readonly contextLength: number;
  /** Most samples under way. */
  readonly inFlight: number;
}

const ATTEMPTS = 4;

export const createSampling = ({ connection, tokenizer, contextLength, inFlight }: SamplingParts): Sampling => {
  const gate = createGate(inFlight);
  const numbers = new Map<string, number>();
  let plain = true;
  const numberOf = (session: string): number => {
    const number = numbers.get(session) ?? 0;
    numbers.set(session, number + 1);
    return number;
  };
  const draw = async (session: string, request: SampleRequest): Promise<Json | Uint8Array> => {
    const { abortSignal } = request;
    for (let n = 1; ; n += 1)
      try {
        // Not in a variable: a thousand samples that are waited for would keep as many prompts.
        const answer = await connection.post("asample", bodyOf(session, numberOf(session), request, contextLength), {
          abortSignal,
        });
        return await connection.result(answer, "Sample", { abortSignal });
      } catch (error) {
        // A sample that was let go of is drawn again: it changes nothing.
        if (!(error instanceof Expired)) throw error;
        if (n >= ATTEMPTS) throw new Lost(error.message, { cause: error });
      }
  };
  return {
    get plain() {
      return plain;
    },
    sample: (session, version, request) =>
      gate.run(async () => {
        requireOffered(request);
        plain &&= isPlainDraw(request);
        const result = await draw(session, request);
        if (!(result instanceof Uint8Array))
          throw new EngineError(
            "The server answered a sample in JSON; this client needs one that answers in protobuf.",
          );
        const [sequence] = decodeSampleResponse(result).sequences;
        if (sequence?.logProbs === undefined)
          throw new EngineError("The server's sample has no log-probabilities: nothing can be trained on it.");
        const { tokens, logProbs, stopReason } = sequence;
        const end = endOf(tokens, request.stop ?? [], tokenizer);
        return {
          ids: tokens.slice(0, end),
          logProbs: [...logProbs.subarray(0, end)],
          // The sampler of a server is another program than its trainer.
          exact: false,
          stopReason: end === undefined ? stopReason : "stop",
          version,
        };
      }, request.abortSignal),
  };
};

const requireOffered = ({ grammar, minP = 0 }: SampleRequest): void => {
  if (grammar !== undefined)
    throw new ConfigError(
      "The Tinker API cannot hold a sample to a grammar: use rule-based modules, or a local model.",
    );
  if (minP > 0) throw new ConfigError("The Tinker API has no min_p: use topP.");
};

const bodyOf = (
  session: string,
  seq: number,
  { prompt, maxTokens, stopIds, stop = [], temperature = 1, topK = -1, topP = 1, randomKey }: SampleRequest,
  contextLength: number,
): object => {
  const [first] = prompt;
  const tokens = prompt.length === 1 && first !== undefined ? first.ids : prompt.flatMap(({ ids }) => ids);
  const room = contextLength - tokens.length;
  if (tokens.length === 0 || room < 1)
    throw new EngineError(`The prompt has ${tokens.length} tokens: accepted are 1 to ${contextLength - 1}.`);
  return {
    type: "sample",
    sampling_session_id: session,
    seq_id: seq,
    num_samples: 1,
    prompt: { chunks: [{ type: "encoded_text", tokens }] },
    sampling_params: {
      max_tokens: Math.min(maxTokens, room),
      // Servers take 32 bits.
      seed: (randomKey.high ^ randomKey.low) >>> 1,
      temperature,
      top_k: topK,
      top_p: topP,
      // One kind of stops goes along; texts beside ids are found here.
      stop: stopIds.length > 0 ? stopIds : stop,
    },
  };
};

/** How many tokens there are up to the one that completes a stop text; undefined when there is none. */
const endOf = (tokens: readonly number[], stop: readonly string[], tokenizer: Tokenizer): number | undefined => {
  const ends = (count: number): boolean => {
    const text = tokenizer.decode(tokens.slice(0, count));
    return stop.some((one) => text.includes(one));
  };
  if (stop.length === 0 || !ends(tokens.length)) return undefined;
  let count = 1;
  while (!ends(count)) count += 1;
  return count;
};
