import type { Engine, Policy, SampleRequest } from "../../engine.ts";
import { type RandomKey, randomKey } from "../../random.ts";
import { encodeSampleResponse, type SampledSequence } from "../tinker/wire/sample-response.ts";
import type { Fields } from "./fields.ts";
import { Refusal } from "./refusal.ts";
import type { Reader } from "./snapshots.ts";

/** A request for samples that was checked. */
export interface Draw {
  readonly prompt: readonly number[];
  readonly samples: number;
  readonly promptLogProbs: boolean;
  /** Of the first sample; the next ones count from it. Undefined: drawn by the name of the request. */
  readonly seed: number | undefined;
  readonly settings: Pick<SampleRequest, "maxTokens" | "stopIds" | "stop" | "temperature" | "topK" | "topP">;
}

const MOST_SAMPLES = 1024;
const NOT_OFFERED = ["topk_prompt_logprobs", "topk_sample_logprobs", "prompt_alt_tokens_k"];

/** Checks a request for samples. Throws `Refusal`. */
export const readDraw = (fields: Fields, { tokenizer, contextLength, endIds }: Engine): Draw => {
  for (const name of NOT_OFFERED)
    if ((fields.optionalInteger(name) ?? 0) > 0) throw new Refusal(`${name} is not offered: leave it out.`);
  if (fields.value("target_prompt_logprobs") !== undefined)
    throw new Refusal("target_prompt_logprobs are not offered: leave them out.");
  const prompt = promptIn(fields.within("prompt").value("chunks"));
  const stranger = prompt.find((id) => !Number.isInteger(id) || id < 0 || id >= tokenizer.vocabularySize);
  if (stranger !== undefined)
    throw new Refusal(`The token ${stranger} is not in the vocabulary of ${tokenizer.vocabularySize}.`);
  if (prompt.length === 0 || prompt.length >= contextLength)
    throw new Refusal(`The prompt has ${prompt.length} tokens: accepted are 1 to ${contextLength - 1}.`);
  const params = fields.within("sampling_params");
  const room = contextLength - prompt.length;
  const wanted = params.optionalInteger("max_tokens") ?? room;
  const samples = fields.optionalInteger("num_samples") ?? 1;
  if (samples < 1 || samples > MOST_SAMPLES)
    throw new Refusal(`num_samples is ${samples}: accepted are 1 to ${MOST_SAMPLES}.`);
  if (wanted < 1) throw new Refusal(`max_tokens is ${wanted}: accepted is 1 or more.`);
  const topK = params.optionalInteger("top_k") ?? -1;
  const temperature = params.optionalNumber("temperature") ?? 1;
  const topP = params.optionalNumber("top_p") ?? 1;
  if (temperature < 0) throw new Refusal(`temperature is ${temperature}: accepted is 0 or more.`);
  if (topP <= 0 || topP > 1) throw new Refusal(`top_p is ${topP}: accepted is above 0 up to 1.`);
  return {
    prompt,
    samples,
    promptLogProbs: fields.truth("prompt_logprobs"),
    seed: params.optionalInteger("seed"),
    settings: {
      maxTokens: Math.min(wanted, room),
      temperature,
      topP,
      ...(topK > 0 && { topK }),
      ...stopIn(params.value("stop"), endIds),
    },
  };
};

const promptIn = (chunks: unknown): number[] => {
  if (!Array.isArray(chunks)) throw new Refusal("prompt lacks chunks.");
  return chunks.flatMap((chunk: { readonly type?: unknown; readonly tokens?: unknown } | null) => {
    const tokens = chunk?.tokens;
    if ((chunk?.type ?? "encoded_text") !== "encoded_text" || !Array.isArray(tokens))
      throw new Refusal("The prompt holds a chunk that is not text: accepted is encoded_text with tokens.");
    return tokens as number[];
  });
};

/** Without `stop` the model's own end ids end a sample; an empty list is none at all. */
const stopIn = (stop: unknown, endIds: readonly number[]): Pick<SampleRequest, "stopIds" | "stop"> => {
  if (stop === undefined) return { stopIds: endIds };
  const list: readonly unknown[] = Array.isArray(stop) ? stop : [stop];
  if (list.every((one) => Number.isInteger(one))) return { stopIds: list as number[] };
  if (list.every((one) => typeof one === "string" && one !== "")) return { stopIds: [], stop: list as string[] };
  throw new Refusal("stop is neither texts nor token ids: accepted is a list of one kind.");
};

/** Draws the samples, all at once; `name` is of this request alone. */
export const drawSamples = async (
  { prompt, samples, promptLogProbs, seed, settings }: Draw,
  reader: Reader,
  name: string,
): Promise<Uint8Array> => {
  const keyOf = (i: number): RandomKey =>
    seed === undefined ? randomKey("tinker", name, i) : randomKey("tinker", seed + i);
  const one = async (i: number): Promise<SampledSequence> => {
    const history = `${name}:${i}`;
    try {
      const { ids, logProbs, stopReason } = await reader.policy.sample({
        ...settings,
        prompt: [{ ids: prompt, sampled: false }],
        history,
        randomKey: keyOf(i),
        version: reader.version,
      });
      return { stopReason, tokens: ids, logProbs: Float32Array.from(logProbs) };
    } finally {
      reader.policy.release(history);
    }
  };
  const scored = promptLogProbs ? reader.scoring((policy) => score(policy, prompt)) : undefined;
  const sequences = await Promise.all(Array.from({ length: samples }, (_, i) => one(i)));
  return encodeSampleResponse({ sequences, promptLogProbs: await scored });
};

/** One log-probability a token of the prompt; the first has none, NaN. */
const score = async (policy: Policy, prompt: readonly number[]): Promise<Float32Array> => {
  const none = Float32Array.of(Number.NaN);
  if (prompt.length < 2) return none;
  const { logProbs } = await policy.forward([{ ids: prompt, targets: prompt.slice(1).map((_, at) => at + 1) }]);
  return Float32Array.from([...none, ...(logProbs[0] ?? [])]);
};
