import type { Tokenizer } from "../../../engine.ts";
import { EngineError, messageOf } from "../../../errors.ts";
import { isPlain, makeLinear, patternsIn, requireTokenizer } from "./tokenizer-limits.ts";

/** The parts of a tokenizer.json that this project reads or writes itself; the library reads the rest. */
export interface TokenizerJson {
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly [key: string]: unknown };
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly [key: string]: unknown }[];
  readonly [key: string]: unknown;
}

/** GPT-2's way to cut text, in the spelling of a tokenizer.json (where `\\s` is Unicode's white space). */
export const GPT2_PIECES = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const ANY_CASE_CONTRACTIONS = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
/** As GPT-2, but a mark or space may stand before a word, and numbers come in groups of up to `digits`. */
export const wordPieces = (digits: string, contractions = ANY_CASE_CONTRACTIONS): string =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** How the built-in planner's text is cut. */
export const PLANNER_PIECES = " ?@\\d+|[. ]?[\\p{L}_]+\\d?|\\.\\d| ?\\[\\d+\\]\\n?| ?\\d| ?[^\\s\\p{L}\\d]+|\\s+";

/**
 * Patterns that JavaScript's engine runs in linear time: no two of their repetitions can share a text, but for
 * `\\s*[\\r\\n]+`, whose run of white space the next alternative takes in one go.
 */
const KNOWN_PIECES: ReadonlySet<string> = new Set([
  GPT2_PIECES,
  PLANNER_PIECES,
  ...["", "{1,3}"].flatMap((digits) => [
    wordPieces(digits),
    wordPieces(digits, "(?i:'s|'t|'re|'ve|'m|'ll|'d)"),
    `\\p{N}${digits}`,
  ]),
  "\\p{N}+",
  "[0-9][0-9][0-9]",
  "[\\p{P}\\$\\+<=>\\^~\\|]+",
]);

const split = (Regex: string): unknown => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false });

/**
 * Spells out two pre-tokenizers that the library reads more narrowly than the original does: `Digits` cuts at every
 * number of Unicode ("½", "٣"), not at 0–9 only, and `ByteLevel` takes Unicode's white space, not JavaScript's.
 */
const spellOut = (step: unknown): unknown => {
  if (typeof step !== "object" || step === null) return step;
  const { type, individual_digits, pretokenizers, use_regex, add_prefix_space } = step as Record<string, unknown>;
  if (type === "Sequence" && Array.isArray(pretokenizers))
    return { ...step, pretokenizers: pretokenizers.map(spellOut) };
  if (type === "Digits") return split(individual_digits === true ? "\\p{N}" : "\\p{N}+");
  if (type === "ByteLevel" && use_regex !== false && add_prefix_space === false)
    return { type: "Sequence", pretokenizers: [split(GPT2_PIECES), { ...step, use_regex: false }] };
  return step;
};

/** Without the tokens that a model has no embedding for (Gemma 3's text models ship one for images). */
export const fitTokenizer = (tokenizer: TokenizerJson, vocabularySize: number): TokenizerJson => {
  const fits = ({ id }: { readonly id: number }): boolean => id < vocabularySize;
  if (tokenizer.added_tokens.every(fits)) return tokenizer;
  return { ...tokenizer, added_tokens: tokenizer.added_tokens.filter(fits) };
};

/**
 * A tokenizer from the contents of a Hugging Face tokenizer.json. Throws `EngineError` when they are not one.
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { loadTokenizer } from "agentflow/engines/onnx";
 *
 * const tokenizer = await loadTokenizer(JSON.parse(await readFile("model/tokenizer.json", "utf8")));
 * console.log(tokenizer.encode("What is 8 times 5?"));
 * ```
 */
export const loadTokenizer = async (json: unknown, config: object = {}): Promise<Tokenizer> => {
  const { Tokenizer: Library } = await import("@huggingface/tokenizers");
  try {
    const definition = json as TokenizerJson;
    requireTokenizer(definition);
    patternsIn([definition.pre_tokenizer, definition.decoder]);
    // The library runs these on the added tokens while it is made.
    const wild = [...patternsIn([definition.normalizer])].find((pattern) => !isPlain(pattern));
    if (wild !== undefined)
      throw new EngineError(`the normalizer's pattern ${JSON.stringify(wild.slice(0, 100))} repeats in its middle`);
    const ids = new Map(Object.entries(definition.model.vocab));
    for (const { content, id } of definition.added_tokens) ids.set(content, id);
    let largest = -1;
    for (const id of ids.values()) largest = Math.max(largest, id);
    const spelled = { ...definition, pre_tokenizer: spellOut(definition.pre_tokenizer) };
    const tokenizer = new Library(spelled as unknown as ConstructorParameters<typeof Library>[0], config as never);
    await makeLinear([tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder], KNOWN_PIECES);
    return {
      vocabularySize: largest + 1,
      encode: (text, { addSpecialTokens = false } = {}) =>
        tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids,
      decode: (list) =>
        list.length === 0
          ? ""
          : tokenizer.decode([...list], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
      idOf: (token) => ids.get(token),
    };
  } catch (cause) {
    if (cause instanceof EngineError && cause.message.includes("okenizer")) throw cause;
    throw new EngineError(`tokenizer.json cannot be used: ${messageOf(cause)}`, { cause });
  }
};
