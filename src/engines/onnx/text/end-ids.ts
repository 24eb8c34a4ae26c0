import type { TokenizerJson } from "./tokenizer.ts";

/** Tokens with which chat models end a turn; they count where the model's own template writes them. */
const ENDS_OF_TURN = ["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>"];

const idOf = ({ model, added_tokens }: TokenizerJson, token: string): number | undefined =>
  added_tokens?.find(({ content }) => content === token)?.id ??
  (Object.hasOwn(model.vocab, token) ? model.vocab[token] : undefined);

/**
 * Ids that end a reply: those that the model's files name (`declared`, a number or a list, each undefined where a file
 * is silent), the tokenizer's end of text, and the end of a turn that the chat template writes.
 */
export const endIdsOf = ({
  declared,
  endToken,
  chatTemplate = "",
  tokenizer,
  vocabularySize,
}: {
  readonly declared: readonly unknown[];
  /** The eos_token of tokenizer_config.json: a text, or an object with `content`. */
  readonly endToken?: unknown;
  readonly chatTemplate?: string | undefined;
  readonly tokenizer: TokenizerJson;
  readonly vocabularySize: number;
}): readonly number[] => {
  const token =
    typeof endToken === "object" && endToken !== null ? (endToken as { readonly content?: unknown }).content : endToken;
  const ids = [
    ...declared.flat(),
    ...(typeof token === "string" ? [idOf(tokenizer, token)] : []),
    ...ENDS_OF_TURN.filter((end) => chatTemplate.includes(end)).map((end) => idOf(tokenizer, end)),
  ];
  const valid = ids.filter(
    (id): id is number => typeof id === "number" && Number.isInteger(id) && id >= 0 && id < vocabularySize,
  );
  return [...new Set(valid)];
};
