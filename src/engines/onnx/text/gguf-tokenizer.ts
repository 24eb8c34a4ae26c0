import { StoreError } from "../../../errors.ts";
import { type Fields, fieldsOf } from "../files/fields.ts";
import { GPT2_PIECES, type TokenizerJson, wordPieces } from "./tokenizer.ts";

/** What @huggingface/tokenizers runs, made from a GGUF file's metadata. */
export interface GgufTokenizer {
  readonly tokenizer: TokenizerJson;
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
}

/** Kinds of tokens in `tokenizer.ggml.token_type`. */
const kind = { unknown: 2, control: 3, userDefined: 4 } as const;

interface PreTokenizer {
  /** Each cuts the pieces that the one before it left. */
  readonly patterns: readonly string[];
  /** A piece that is a token as a whole is not merged together from parts. */
  readonly ignoreMerges?: boolean;
  readonly addBos?: boolean;
}

const gpt2: PreTokenizer = { patterns: [GPT2_PIECES] };
const digitsFirst: PreTokenizer = { patterns: ["\\p{N}", GPT2_PIECES] };
const llama3: PreTokenizer = { patterns: [wordPieces("{1,3}")], ignoreMerges: true, addBos: true };
const qwen2: PreTokenizer = { patterns: [wordPieces("")] };

/** How text is cut before merging, by the names that llama.cpp gives (`tokenizer.ggml.pre`) and the way it does. */
const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map([
  ["default", { patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2_PIECES, "\\p{N}+", "[0-9][0-9][0-9]"] }],
  ["gpt-2", gpt2],
  ["smollm", digitsFirst],
  ["starcoder", digitsFirst],
  ["refact", digitsFirst],
  ["llama3", llama3],
  ["llama-v3", llama3],
  ["llama-bpe", llama3],
  ["falcon3", llama3],
  ["qwen2", qwen2],
  ["deepseek-r1-qwen", qwen2],
]);

/** Ways to cut all tokens in two, by the letters that are looked at; a vocabulary of 262,000 tokens has twenty million. */
const MOST_CUTS = 100_000_000;

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly vocab: Readonly<Record<string, number>>;
  readonly added: TokenizerJson["added_tokens"];
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";

const vocabularyOf = (given: Fields, size: number): Vocabulary => {
  const tokens = given.list("tokens");
  if (!tokens?.every(isText)) throw new StoreError(`${given.name}tokens must be a list of texts.`);
  if (tokens.length > size)
    throw new StoreError(`${given.name}tokens has ${tokens.length} entries, but the model embeds only ${size}.`);
  if (tokens.reduce((sum, { length }) => sum + length * length, 0) > MOST_CUTS)
    throw new StoreError(`${given.name}tokens are too long: no vocabulary has tokens of this length.`);
  const types = given.list("token_type") ?? [];
  const added = tokens.flatMap((content, id) => {
    const type = types[id];
    const special = type === kind.control || type === kind.unknown;
    // An empty text would be found everywhere.
    if (content === "" || !(special || type === kind.userDefined)) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
  return { tokens, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), added };
};

/** The post-processor that sets the token for the beginning (and the end) around a plain text. */
const surround = (given: Fields, { tokens }: Vocabulary, addBos: boolean): unknown => {
  const special = (flag: string, key: string, fallback: boolean): readonly unknown[] => {
    const id = given.get(key);
    const token = isNumber(id) ? tokens[id] : undefined;
    return given.flag(flag, fallback) && token !== undefined ? [{ SpecialToken: { id: token, type_id: 0 } }] : [];
  };
  const begin = special("add_bos_token", "bos_token_id", addBos);
  const end = special("add_eos_token", "eos_token_id", false);
  if (begin.length + end.length === 0) return null;
  const single = [...begin, { Sequence: { id: "A", type_id: 0 } }, ...end];
  return { type: "TemplateProcessing", single, pair: single, special_tokens: {} };
};

const modelOf = (
  { vocab }: Vocabulary,
  merges: readonly (readonly [string, string])[],
  { byteFallback = false, ignoreMerges = false, unknown = null as string | null },
): TokenizerJson["model"] => ({
  type: "BPE",
  dropout: null,
  unk_token: unknown,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: byteFallback,
  ignore_merges: ignoreMerges,
  vocab,
  merges,
});

/** Byte-level BPE, with the merges of the file. */
const byteLevel = (given: Fields, vocabulary: Vocabulary): TokenizerJson => {
  const name = given.text("pre") ?? "default";
  const pre = PRE_TOKENIZERS.get(name);
  if (!pre)
    throw new StoreError(
      `${given.name}pre is ${JSON.stringify(name)}, a way to cut text that is not supported; supported are ${[...PRE_TOKENIZERS.keys()].join(", ")}.`,
    );
  const merges = given.list("merges");
  if (!merges?.every(isText)) throw new StoreError(`${given.name}merges must be a list of texts.`);
  const pairs = merges.map((merge) => {
    const space = merge.indexOf(" ", 1);
    return [merge.slice(0, space), merge.slice(space + 1)] as const;
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: vocabulary.added,
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...pre.patterns.map((Regex) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false })),
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: surround(given, vocabulary, pre.addBos ?? false),
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: modelOf(vocabulary, pairs, { ignoreMerges: pre.ignoreMerges ?? false }),
  };
};

/**
 * The merges that make SentencePiece's choice: it joins the neighbours whose union has the best score, so every way to
 * cut a token in two tokens (or lone characters) is a merge, in the order of scores.
 */
const mergesOfScores = (
  { tokens, vocab }: Vocabulary,
  scores: readonly number[],
): readonly (readonly [string, string])[] => {
  const order = tokens.map((_, id) => id).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const merges: (readonly [string, string])[] = [];
  for (const id of order) {
    const characters = [...(tokens[id] as string)];
    for (let at = 1; at < characters.length; at += 1) {
      const left = characters.slice(0, at).join("");
      const right = characters.slice(at).join("");
      const joined =
        (at === 1 || Object.hasOwn(vocab, left)) && (at === characters.length - 1 || Object.hasOwn(vocab, right));
      if (joined) merges.push([left, right]);
    }
  }
  return merges;
};

/** SentencePiece's BPE: no pre-tokenizer, spaces as ▁, bytes for what the vocabulary lacks. */
const sentencePiece = (given: Fields, vocabulary: Vocabulary): TokenizerJson => {
  const scores = given.list("scores");
  if (!scores?.every(isNumber)) throw new StoreError(`${given.name}scores must be a list of numbers.`);
  const prefix = given.flag("add_space_prefix", true);
  const unknown = given.get("unknown_token_id");
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: vocabulary.added,
    normalizer: {
      type: "Sequence",
      normalizers: [
        ...(prefix ? [{ type: "Prepend", prepend: "▁" }] : []),
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: surround(given, vocabulary, true),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: modelOf(vocabulary, mergesOfScores(vocabulary, scores), {
      byteFallback: true,
      unknown: (isNumber(unknown) ? vocabulary.tokens[unknown] : undefined) ?? null,
    }),
  };
};

/**
 * The tokenizer that a GGUF file describes, as a tokenizer.json and tokenizer_config.json. Text is cut as llama.cpp cuts
 * it, by the name of the pre-tokenizer in the file. `size` is the number of embeddings. Throws `StoreError` for a kind
 * that is not supported.
 */
export const ggufTokenizer = (
  metadata: Readonly<Record<string, unknown>>,
  size: number,
  path: string,
): GgufTokenizer => {
  const prefix = "tokenizer.ggml.";
  const own = Object.entries(metadata).filter(([key]) => key.startsWith(prefix));
  const given = fieldsOf(
    Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])),
    `${path}: ${prefix}`,
  );
  const type = given.text("model");
  if (type !== "gpt2" && type !== "llama")
    throw new StoreError(
      `${given.name}model is ${JSON.stringify(type)}; supported are gpt2 (byte-level BPE) and llama (SentencePiece).`,
    );
  const vocabulary = vocabularyOf(given, size);
  const tokenizer = type === "gpt2" ? byteLevel(given, vocabulary) : sentencePiece(given, vocabulary);
  const token = (key: string): string | undefined => {
    const id = given.get(key);
    return isNumber(id) ? vocabulary.tokens[id] : undefined;
  };
  const named = {
    bos_token: token("bos_token_id"),
    eos_token: token("eos_token_id"),
    unk_token: token("unknown_token_id"),
    pad_token: token("padding_token_id"),
    chat_template: metadata["tokenizer.chat_template"],
  };
  return {
    tokenizer,
    tokenizerConfig: {
      ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
      clean_up_tokenization_spaces: false,
    },
  };
};
