import { protobuf, protoFields } from "../../../protobuf.ts";
import { reading } from "./forward-backward.ts";
import { bytesIn, bytesOf, integerIn, numbersIn } from "./tensor.ts";

export interface SampledSequence {
  readonly stopReason: "stop" | "length";
  readonly tokens: readonly number[];
  /** One a token, where the server sends them. */
  readonly logProbs: Float32Array | undefined;
}

/** `tinker_public.SampleResponse`: what `asample` comes to. */
export interface SampleResponse {
  readonly sequences: readonly SampledSequence[];
  /** Of the prompt's tokens, as many as they are or one fewer; NaN where there is none. */
  readonly promptLogProbs: Float32Array | undefined;
}

export const encodeSampleResponse = ({ sequences, promptLogProbs }: SampleResponse): Uint8Array =>
  protobuf((response) => {
    for (const { stopReason, tokens, logProbs } of sequences)
      response.message(1, (sequence) => {
        if (stopReason === "length") sequence.int(1, 1);
        sequence.bytes(2, bytesOf(Int32Array.from(tokens)));
        if (logProbs !== undefined) sequence.bytes(3, bytesOf(logProbs));
      });
    if (promptLogProbs !== undefined) response.bytes(2, bytesOf(promptLogProbs));
  });

const floatsIn = (bytes: Uint8Array): Float32Array => Float32Array.from(numbersIn(bytes, "float32"));

const readSequence = (bytes: Uint8Array): SampledSequence => {
  let stopReason: SampledSequence["stopReason"] = "stop";
  let tokens: number[] = [];
  let logProbs: Float32Array | undefined;
  for (const part of protoFields(bytes)) {
    if (part.field === 1) {
      const reason = (["stop", "length"] as const)[integerIn(part)];
      if (reason === undefined) throw new SyntaxError("a sample ended for a reason that is unknown");
      stopReason = reason;
    }
    if (part.field === 2) tokens = numbersIn(bytesIn(part), "int32");
    if (part.field === 3) logProbs = floatsIn(bytesIn(part));
  }
  if (logProbs !== undefined && logProbs.length !== tokens.length)
    throw new SyntaxError(`a sample has ${tokens.length} tokens and ${logProbs.length} log-probabilities`);
  return { stopReason, tokens, logProbs };
};

export const decodeSampleResponse = (bytes: Uint8Array): SampleResponse =>
  reading("result of a sample", () => {
    const sequences: SampledSequence[] = [];
    let promptLogProbs: Float32Array | undefined;
    for (const part of protoFields(bytes)) {
      if (part.field === 1) sequences.push(readSequence(bytesIn(part)));
      if (part.field === 2) promptLogProbs = floatsIn(bytesIn(part));
    }
    return { sequences, promptLogProbs };
  });
