import { completion, counted, type Dialect, end, error, json, type More, part, sse } from "./dialect.ts";

const ACCRA = { text: "Accra", usage: [10, 5] } as const;
/** Said once, and right at once. */
const row = (name: string, value: unknown, right: Dialect["right"] = ACCRA, requests = 1): Dialect => ({
  name,
  replies: [json(value)],
  right,
  requests,
});
const stream = (name: string, events: readonly unknown[], right: Dialect["right"] = ACCRA, requests = 1): Dialect => ({
  name,
  replies: [sse(...events)],
  streams: true,
  right,
  requests,
});
const last = ["[DONE]"];

/** Whole replies. */
const bodies: readonly Dialect[] = [
  row("a plain completion", completion("Accra")),
  row(
    "content as parts",
    completion([
      { type: "text", text: "Acc" },
      { type: "text", text: "ra" },
    ]),
  ),
  row("content as parts of the Responses kind", completion([{ type: "output_text", text: "Accra" }])),
  row("content as parts with a value", completion([{ type: "text", text: { value: "Accra", annotations: [] } }])),
  row(
    "content as parts, the first one a thought",
    completion([
      { type: "thinking", thinking: [{ type: "text", text: "Ghana, so" }] },
      { type: "text", text: "Accra" },
    ]),
  ),
  row("content as an object", completion({ text: "Accra" })),
  row("content as a list of texts", completion(["Acc", "ra"])),
  row("a completion with null fields", completion("Accra", { error: null, choice: { logprobs: null } })),
  row("a completion in a list", [completion("Accra")]),
  row("a byte order mark", "", undefined, 1),
  row("a choice with a text", {
    choices: [{ text: "Accra", finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5 },
  }),
  row("a choice with a delta", {
    choices: [{ delta: { content: "Accra" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5 },
  }),
  row("a message without choices", {
    message: { role: "assistant", content: "Accra" },
    done: true,
    prompt_eval_count: 10,
    eval_count: 5,
  }),
  row("an output with its reasoning", {
    output: [
      { type: "reasoning", summary: [{ type: "summary_text", text: "Ghana" }] },
      { type: "message", content: [{ type: "output_text", text: "Accra" }] },
    ],
    status: "completed",
    usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
  }),
  row("content at the top", {
    type: "message",
    content: [{ type: "text", text: "Accra" }],
    stop_reason: "end_turn",
    usage: { input_tokens: 10, output_tokens: 5 },
  }),
  row("candidates", {
    candidates: [
      { content: { parts: [{ text: "Ghana, so", thought: true }, { text: "Accra" }] }, finishReason: "STOP" },
    ],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 2, thoughtsTokenCount: 3, totalTokenCount: 15 },
  }),
  row("a result in an envelope", {
    result: { response: "Accra", usage: { prompt_tokens: 10, completion_tokens: 5 } },
    success: true,
    errors: [],
    messages: [],
  }),
  row("a generated text in a list", [{ generated_text: "Accra", details: { prompt_tokens: 10, generated_tokens: 5 } }]),
  row(
    "a call of a tool that nobody offered",
    completion(null, {
      message: {
        tool_calls: [{ id: "1", type: "function", function: { name: "look", arguments: '{"query":"Accra"}' } }],
      },
      choice: { finish_reason: "tool_calls" },
    }),
    { text: '{"name":"look","arguments":{"query":"Accra"}}', usage: [10, 5] },
  ),
  row(
    "log-probabilities",
    completion("Accra", { choice: { logprobs: { content: [{ token: "Accra", logprob: -0.5 }] } } }),
  ),
  row("an end that is null", completion("Accra", { choice: { finish_reason: null } })),
  row("an end in other words", completion("Accra", { choice: { finish_reason: "eos" } })),
  row("cut at the limit, without thoughts", completion("Accra", { choice: { finish_reason: "length" } })),
  row("marks of a template at the end", completion("Accra<|im_end|>\n")),
];

/** Counts of tokens. */
const counts: readonly Dialect[] = [
  row("counts by other names", completion("Accra", { usage: { input_tokens: 10, output_tokens: 5 } })),
  row("counts in camel case", completion("Accra", { usage: { promptTokens: 10, completionTokens: 5 } })),
  row("counts as texts", completion("Accra", { usage: { prompt_tokens: "10", completion_tokens: "5" } })),
  row("counts in an extension", {
    ...completion("Accra", { usage: null }),
    x_groq: { usage: { prompt_tokens: 10, completion_tokens: 5 } },
  }),
  row(
    "counts in the choice",
    completion("Accra", { usage: null, choice: { usage: { prompt_tokens: 10, completion_tokens: 5 } } }),
  ),
  row("counts at the top", { ...completion("Accra", { usage: null }), prompt_eval_count: 10, eval_count: 5 }),
  row("counts in timings", { ...completion("Accra", { usage: null }), timings: { prompt_n: 10, predicted_n: 5 } }),
  row("a total and a prompt", completion("Accra", { usage: { prompt_tokens: 10, total_tokens: 15 } })),
  row(
    "a total with thoughts in it",
    completion("Accra", { usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 15 } }),
  ),
  row(
    "cached tokens",
    completion("Accra", {
      usage: { prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 4 } },
    }),
    { ...ACCRA, cached: 4 },
  ),
  row(
    "cached tokens by another name",
    completion("Accra", { usage: { prompt_tokens: 10, completion_tokens: 5, prompt_cache_hit_tokens: 4 } }),
    { ...ACCRA, cached: 4 },
  ),
  row(
    "more cached tokens than there are",
    completion("Accra", { usage: { prompt_tokens: 10, completion_tokens: 5, cache_read_input_tokens: 40 } }),
    { ...ACCRA, cached: 10 },
  ),
  row("nothing counted", completion("Accra", { usage: null }), { text: "Accra", usage: [8, 2] }),
  row("counts below nought", completion("Accra", { usage: { prompt_tokens: -1, completion_tokens: -1 } }), {
    text: "Accra",
    usage: [8, 2],
  }),
];

const thinks = (name: string, content: unknown, more: More = {}): Dialect => row(name, completion(content, more));

/** Thoughts are not the answer. */
const thoughts: readonly Dialect[] = [
  thinks("thoughts in tags", "<think>Ghana. London? No.</think>\n\nAccra"),
  thinks("thoughts in other tags", "<thinking>Ghana.</thinking>Accra"),
  thinks("thoughts in tags with attributes", '<reasoning type="long">Ghana.</reasoning> Accra'),
  thinks("thoughts in tags of a family", "<seed:think>Ghana.</seed:think>Accra"),
  thinks("thoughts whose opening tag was in the prompt", "Ghana, so London.\n</think>\n\nAccra"),
  thinks("thoughts twice", "<think>a</think>\n<think>b</think>Accra"),
  thinks("thoughts within thoughts", "<think>a<think>b</think>c</think>Accra"),
  thinks("thoughts in brackets", "[THINK]Ghana.[/THINK]Accra"),
  thinks("thoughts in triangles", "◁think▷Ghana.◁/think▷Accra"),
  thinks("thoughts in marks", "<|begin_of_thought|>Ghana.<|end_of_thought|>Accra"),
  thinks(
    "channels",
    "<|channel|>analysis<|message|>Ghana.<|end|><|start|>assistant<|channel|>final<|message|>Accra<|return|>",
  ),
  thinks("channels without marks", "analysisThe user asks for Ghana.assistantfinalAccra"),
  thinks("no thoughts in their tags", "<think>\n\n</think>\n\nAccra"),
  thinks("a field for thoughts", "Accra", { message: { reasoning_content: "Ghana, so London." } }),
  thinks("another field for thoughts", "Accra", { message: { reasoning: "Ghana." } }),
  row("a tag that is spoken of", completion("It is `<think>`."), { text: "It is `<think>`.", usage: [10, 5] }),
  row("a tag in the middle of a line that nothing closes", completion("Use <think> first."), {
    text: "Use <think> first.",
    usage: [10, 5],
  }),
  row(
    "thoughts alone",
    completion("<think>Ghana.</think>"),
    { error: /thought, and sent an empty reply/, usage: [30, 15], retryable: true },
    3,
  ),
  row(
    "a field for thoughts alone",
    completion(null, { message: { reasoning_content: "Ghana." } }),
    { error: /thought, and sent an empty reply/, usage: [30, 15] },
    3,
  ),
  {
    name: "no room behind thoughts, until there is",
    replies: [
      json(completion("<think>Ghana", { choice: { finish_reason: "length" } })),
      json(completion("<think>Ghana</think>Accra")),
    ],
    asks: { maxTokens: 64 },
    right: { text: "Accra", usage: [20, 10] },
    requests: 2,
  },
  row(
    "no room behind thoughts, ever",
    completion("", { message: { reasoning_content: "Ghana" }, choice: { finish_reason: "length" } }),
    { error: /all of its 8192 tokens.*"length".*maxTokens/, usage: [20, 10], retryable: false },
    2,
  ),
  row(
    "an answer that thoughts have cut",
    completion('{"city": "Acc', { message: { reasoning: "Ghana" }, choice: { finish_reason: "length" } }),
    { text: '{"city": "Acc', usage: [20, 10] },
    2,
  ),
  {
    name: "no room behind thoughts, and more is refused",
    replies: [json(completion("", { choice: { finish_reason: "length" } }))],
    refuses: [
      { field: "max_tokens", when: (value) => Number(value) > 2000, body: error("That is more than I can do.") },
    ],
    right: { error: /all of its 1024 tokens.*More was refused: That is more/, usage: [10, 5], retryable: false },
    requests: 2,
  },
  {
    name: "no room behind thoughts, and a little more is allowed",
    replies: [json(completion("", { choice: { finish_reason: "length" } })), json(completion("Accra"))],
    refuses: [
      { field: "max_tokens", when: (value) => Number(value) > 2000, body: error("max_tokens must be at most 2000.") },
    ],
    right: { text: "Accra", usage: [20, 10] },
    requests: 3,
  },
];

/** Streams. */
const streams: readonly Dialect[] = [
  stream("a plain stream", [part("Acc"), part("ra"), end(), counted(), ...last]),
  stream("a stream without its last mark", [part("Accra"), end(), counted()]),
  stream("a stream that counts in its last part", [
    part("Accra"),
    { ...end(), usage: { prompt_tokens: 10, completion_tokens: 5 } },
    ...last,
  ]),
  stream("a stream that counts in an extension", [
    part("Accra"),
    { ...end(), x_groq: { usage: { prompt_tokens: 10, completion_tokens: 5 } } },
    ...last,
  ]),
  stream("a stream that counts all along", [
    part("Acc", {}, { usage: { prompt_tokens: 10, completion_tokens: 2 } }),
    part("ra", {}, { usage: { prompt_tokens: 10, completion_tokens: 5 } }),
    end(),
    ...last,
  ]),
  stream(
    "more parts than tokens",
    ["A", "c", "c", "r", "a"]
      .map((one) => part(one))
      .concat([end(), counted(10, 2)])
      .concat(),
    { text: "Accra", usage: [10, 2] },
  ),
  stream(
    "a part that came twice",
    [part("Acc"), part("Acc"), part("ra"), end(), counted(10, 2), ...last],
    { error: /came twice/, usage: [30, 6] },
    3,
  ),
  stream("parts of content as parts", [
    part([{ type: "text", text: "Acc" }]),
    part([{ type: "text", text: "ra" }]),
    end(),
    counted(),
    ...last,
  ]),
  stream("a stream of whole messages", [
    { choices: [{ message: { content: "Acc" } }] },
    { choices: [{ message: { content: "ra" }, finish_reason: "stop" }] },
    counted(),
    ...last,
  ]),
  stream("parts with a message so far", [
    part("Acc", { message: { content: "Acc" } }),
    part("ra", { message: { content: "Accra" } }),
    end(),
    counted(),
    ...last,
  ]),
  stream("choices that are null", [
    { choices: null },
    part("Accra"),
    end(),
    { choices: null, usage: { prompt_tokens: 10, completion_tokens: 5 } },
    ...last,
  ]),
  stream("parts that are null", [part(null), part("Accra"), part(null), end(), counted(), ...last]),
  stream("thoughts in a stream", [
    part("<thi"),
    part("nk>Ghana</th"),
    part("ink>\n\nAcc"),
    part("ra"),
    end(),
    counted(),
    ...last,
  ]),
  stream("thoughts in a field of a stream", [
    part(null, { delta: { reasoning_content: "Ghana" } }),
    part("Accra"),
    end(),
    counted(),
    ...last,
  ]),
  stream("ends that are empty until the last", [
    part("Acc", { finish_reason: "" }),
    part("ra", { finish_reason: "" }),
    end(),
    counted(),
    ...last,
  ]),
  stream(
    "an end that is empty, and a cut",
    [part("Acc", { finish_reason: "" })],
    { error: /broke off/, usage: [24, 3] },
    3,
  ),
  stream("a cut without an end", [part("Acc")], { error: /broke off/, usage: [24, 3] }, 3),
  stream(
    "an end in error",
    [part("Acc"), end("error"), counted(), ...last],
    { error: /broke off.*"error"/, usage: [30, 15] },
    3,
  ),
  stream(
    "an error in a stream",
    [part("Acc"), error("The node is gone.", { code: 502 })],
    { error: /broke off: The node is gone/, usage: [24, 3], retryable: true },
    3,
  ),
  stream("an error as a text in a stream", [{ error: "Overloaded." }], { error: /Overloaded/ }, 3),
  stream("a final error in a stream", [error("The model does not exist.", { code: 404 })], {
    error: /does not exist/,
    retryable: false,
  }),
  stream(
    "an error in a choice",
    [
      {
        choices: [
          { delta: { content: "" }, finish_reason: "error", error: { code: 502, message: "The provider is gone." } },
        ],
      },
      ...last,
    ],
    { error: /The provider is gone/ },
    3,
  ),
  stream(
    "words that are no JSON",
    [part("Acc"), "upstream connect error"],
    { error: /upstream connect error/, usage: [24, 3] },
    3,
  ),
  stream("signs of life", ["", part("Accra"), "ping", end(), counted(), ...last]),
  {
    name: "comments and names of events",
    replies: [
      {
        type: "text/event-stream",
        body: `: WAITING\n\nevent: message\nid: 1\ndata: ${JSON.stringify(part("Accra"))}\n\n: WAITING\n\ndata:${JSON.stringify(end())}\r\n\r\ndata:${JSON.stringify(counted())}\n\ndata:[DONE]\n\n`,
      },
    ],
    streams: true,
    right: ACCRA,
    requests: 1,
  },
  {
    name: "a last event without its end",
    replies: [
      {
        type: "text/event-stream",
        body: `data: ${JSON.stringify(part("Accra"))}\n\ndata: ${JSON.stringify(counted())}\n\ndata: ${JSON.stringify(end())}`,
      },
    ],
    streams: true,
    right: ACCRA,
    requests: 1,
  },
  {
    name: "lines of JSON for a stream",
    replies: [
      {
        type: "application/x-ndjson",
        body: `${JSON.stringify({ message: { content: "Acc" }, done: false })}\n${JSON.stringify({ message: { content: "ra" }, done: false })}\n${JSON.stringify({ message: { content: "" }, done: true, done_reason: "stop", prompt_eval_count: 10, eval_count: 5 })}\n`,
      },
    ],
    streams: true,
    right: ACCRA,
    requests: 1,
  },
  {
    name: "a stream that calls itself JSON",
    replies: [{ type: "application/json", body: sse(part("Accra"), end(), counted(), ...last).body }],
    streams: true,
    right: ACCRA,
    requests: 1,
  },
  {
    name: "a stream that was not asked for",
    replies: [sse(part("Acc"), part("ra"), end(), counted(), ...last)],
    right: ACCRA,
    requests: 1,
  },
  {
    name: "a whole reply for a stream",
    replies: [json(completion("Accra"))],
    streams: true,
    right: ACCRA,
    requests: 1,
  },
  {
    name: "a whole reply that calls itself a stream",
    replies: [json(completion("Accra"), { type: "text/event-stream" })],
    streams: true,
    right: ACCRA,
    requests: 1,
  },
  {
    name: "an error that calls itself a stream",
    replies: [
      {
        type: "text/event-stream",
        body: JSON.stringify(error("No such model.", { code: "model_not_found" }), null, 2),
      },
    ],
    streams: true,
    right: { error: /No such model/, retryable: false },
    requests: 1,
  },
];

export const replies: readonly Dialect[] = [
  ...bodies.map((one) =>
    one.name === "a byte order mark"
      ? { ...one, replies: [{ body: `\uFEFF${JSON.stringify(completion("Accra"))}` }] }
      : one,
  ),
  ...counts,
  ...thoughts,
  ...streams,
];
