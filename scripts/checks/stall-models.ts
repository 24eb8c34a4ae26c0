import { mkdtempSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readGgufHeader } from "../../src/engines/onnx/files/gguf-header.ts";
import { readJsonFile } from "../../src/engines/onnx/files/json-file.ts";
import { openSafetensors } from "../../src/engines/onnx/files/safetensors.ts";
import { chatTemplate } from "../../src/engines/onnx/text/chat-template.ts";
import { loadTokenizer } from "../../src/engines/onnx/text/tokenizer.ts";
import type { Entrance } from "./stall-entrance.ts";

const template = (name: string, text: string): Entrance => ({
  name: `template: ${name}`,
  text,
  seconds: 2,
  run: async (abortSignal) => {
    const { render } = await chatTemplate(text, {}, { seconds: 2 });
    return render([{ role: "user", content: "Hi" }], { abortSignal });
  },
});
const loops = (depth: number): string =>
  `${Array.from({ length: depth }, (_, i) => `{% for a${i} in range(9999) %}`).join("")}x${"{% endfor %}".repeat(depth)}`;

const tokenizer = (name: string, parts: object, text: string): Entrance => ({
  name: `tokenizer: ${name}`,
  text,
  seconds: 2,
  run: async () => {
    const vocab = Object.fromEntries(Array.from("abcdefgh !", (letter, id) => [letter, id]));
    const json = {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      model: { type: "BPE", vocab, merges: [] },
      ...parts,
    };
    const made = await loadTokenizer(json);
    return made.decode(made.encode(text));
  },
});
const cut = (Regex: string) => ({
  pre_tokenizer: { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
});

const file = (name: string, bytes: Uint8Array, read: (path: string) => Promise<unknown>): Entrance => ({
  name,
  text: bytes,
  seconds: 2,
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), "agentflow-stall-"));
    try {
      const path = join(folder, name.startsWith("tokenizer.json") ? "tokenizer.json" : "file");
      await writeFile(path, bytes);
      return await read(path);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

const u32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
};
const u64 = (value: number | bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
};
const key = (text: string): Buffer => Buffer.concat([u64(text.length), Buffer.from(text)]);
/** A GGUF header with one list under a key. */
const gguf = (
  type: number,
  count: number | bigint,
  entries: Uint8Array,
  { tensors = 0, values = 1 } = {},
): Uint8Array =>
  Buffer.concat([
    Buffer.from("GGUF"),
    u32(3),
    u64(tensors),
    u64(values),
    key("a"),
    u32(9),
    u32(type),
    u64(count),
    entries,
  ]);
const header = (name: string, bytes: Uint8Array): Entrance => file(`gguf: ${name}`, bytes, readGgufHeader);

const tensors = (name: string, json: string): Entrance =>
  file(`safetensors: ${name}`, Buffer.concat([u64(json.length), Buffer.from(json)]), async (path) => {
    const { file: opened } = await openSafetensors(path);
    await opened.close();
  });
const settings = (name: string, json: string): Entrance =>
  file(`tokenizer.json: ${name}`, Buffer.from(json), (path) => readJsonFile(path));

/** What published models may hold. */
export const modelEntrances: readonly Entrance[] = [
  template("loops in loops", loops(3)),
  template("one long loop", loops(2)),
  template(
    "a text that doubles",
    `{% set a = namespace(t="x") %}{% for i in range(60) %}{% set a.t = a.t ~ a.t %}{% endfor %}{{ a.t }}`,
  ),
  template(
    "a list that doubles",
    `{% set a = namespace(t=[1]) %}{% for i in range(60) %}{% set a.t = a.t + a.t %}{% endfor %}{{ a.t }}`,
  ),
  template(
    "lists in lists",
    `{% set a = namespace(t=[1]) %}{% for i in range(60) %}{% set a.t = [a.t, a.t] %}{% endfor %}{{ a.t | tojson }}`,
  ),
  template("a range without end", "{% for i in range(100000000000) %}x{% endfor %}"),
  template("a wide indent", `{{ "a\nb" | indent(900000000) }}`),
  template("a macro that calls itself", "{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}"),
  template(
    "a replacement that grows",
    `{% set a = namespace(t="x") %}{% for i in range(9) %}{% set a.t = a.t.replace("x", "xxxxxxxxxxxxxxxx") %}{% endfor %}{{ a.t }}`,
  ),
  template("nested parentheses", `{{ ${"(".repeat(90_000)}1 }}`),
  template("nested blocks", "{% if true %}".repeat(10_000)),
  template("spaces before a tag", `${" ".repeat(190_000)}x{% generation`),
  template("too long", "x".repeat(5_000_000)),
  tokenizer("(a+)+b", cut("(a+)+b"), "a".repeat(20_000)),
  tokenizer("(a|a)*b", cut("(a|a)*b"), "a".repeat(20_000)),
  tokenizer("(.*)*x", cut("(.*)*x"), "a".repeat(20_000)),
  tokenizer("a look-ahead", cut("(?=(a+)+b)a"), "a".repeat(50)),
  tokenizer("large counts", cut("((a{900}){900}){900}"), "a"),
  tokenizer(
    "in the normalizer",
    { normalizer: { type: "Replace", pattern: { Regex: "(a+)+b" }, content: "" } },
    "a".repeat(60),
  ),
  tokenizer(
    "in the decoder",
    { decoder: { type: "Replace", pattern: { Regex: "(a+)+b" }, content: "" } },
    "a".repeat(60),
  ),
  tokenizer(
    "in a sequence",
    { pre_tokenizer: { type: "Sequence", pretokenizers: [cut("([a-z]+)*!").pre_tokenizer] } },
    "a".repeat(60),
  ),
  tokenizer("a long added token", { added_tokens: [{ id: 10, content: "a".repeat(100_000) }] }, "a".repeat(100_000)),
  tokenizer(
    "another kind of model",
    { model: { type: "WordPiece", vocab: { a: 0 }, max_input_chars_per_word: 1e9 } },
    "b".repeat(30_000),
  ),
  header("16 MB of bytes in a list", gguf(0, 16_000_000, Buffer.alloc(16_000_000))),
  header("1 MB of bytes in a list", gguf(0, 1_000_000, Buffer.alloc(1_000_100))),
  header("a list of 2^60", gguf(0, 2n ** 60n, Buffer.alloc(100))),
  header("empty texts", gguf(8, 3_000_000, Buffer.alloc(24_000_100))),
  header(
    "a text of 40 MB",
    Buffer.concat([
      Buffer.from("GGUF"),
      u32(3),
      u64(0),
      u64(1),
      u64(1),
      Buffer.from("a"),
      u32(8),
      u64(200_000_000),
      Buffer.alloc(200_000_000),
    ]),
  ),
  header("million keys", gguf(0, 10, Buffer.alloc(30_000_000), { values: 1_000_000 })),
  tensors("4 MB of brackets", "[".repeat(3_900_000)),
  tensors("nested objects", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`),
  tensors(
    "many tensors",
    `{${Array.from({ length: 60_000 }, (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join()}}`,
  ),
  tensors("many keys", `{${Array.from({ length: 300_000 }, (_, i) => `"${i}":1`).join()}}`),
  tensors("a header of 9 MB", " ".repeat(9_000_000)),
  settings("20 MB of brackets", "[".repeat(20_000_000)),
  settings("nested objects", `${'{"a":'.repeat(1_000_000)}1${"}".repeat(1_000_000)}`),
  settings("six million values", `[${"1,".repeat(6_100_000)}1]`),
];

const backtrack = /(a+)+b/u;
const deep = (): string => `${"[".repeat(1_500_000)}${"]".repeat(1_500_000)}`;

/** The same in this thread and without bounds, as it was: each has to hold the event loop. */
export const brokenModels: readonly Entrance[] = [
  { name: "in this thread: (a+)+b", text: "", seconds: 10, run: async () => backtrack.test("a".repeat(24)) },
  { name: "in this thread: JSON without bounds", text: "", seconds: 10, run: async () => void JSON.parse(deep()) },
  {
    name: "in this thread: a template's loops",
    text: loops(2),
    seconds: 10,
    run: async () => {
      const { Template } = await import("@huggingface/jinja");
      return new Template("{% for a in range(300) %}{% for b in range(400) %}x{% endfor %}{% endfor %}").render({});
    },
  },
];
