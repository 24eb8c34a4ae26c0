import { completion, counted, type Dialect, end, error, json, part, type Refused, sse } from "./dialect.ts";

const ACCRA = { text: "Accra", usage: [10, 5] } as const;
const fine = [json(completion("Accra"))];
const fails = (name: string, value: unknown, right: Dialect["right"], requests: number, status = 200): Dialect => ({
  name,
  replies: [json(value, { status })],
  right,
  requests,
});
/** Refuses a field, and answers without it. */
const lacks = (
  name: string,
  refused: Refused | readonly Refused[],
  asks: NonNullable<Dialect["asks"]>,
  requests = 2,
): Dialect => ({
  name,
  replies: fine,
  refuses: Array.isArray(refused) ? refused : [refused as Refused],
  asks,
  right: ACCRA,
  requests,
});
const hasSystem = (messages: unknown): boolean => JSON.stringify(messages).includes('"system"');
const isText = (value: unknown): boolean => value !== undefined;

/** Success in name only. */
const errors: readonly Dialect[] = [
  fails(
    "an error called success",
    error("The model is overloaded.", { code: 503 }),
    { error: /503: The model is overloaded/, retryable: true },
    3,
  ),
  fails(
    "a final error called success",
    error("Invalid key.", { code: 401 }),
    { error: /Invalid key/, retryable: false },
    1,
  ),
  fails(
    "an error with a code in words",
    error("Nothing by that name.", { type: "invalid_request_error", code: "model_not_found" }),
    { error: /Nothing by that name/, retryable: false },
    1,
  ),
  fails(
    "an error that is a text",
    { error: "model 'small' not found" },
    { error: /model 'small' not found/, retryable: false },
    1,
  ),
  fails("an error that says nothing about its kind", error("Hm."), { error: /Hm\./, retryable: true }, 3),
  fails(
    "an error in a list",
    [error("Quota exceeded, retry later.", { code: 429, status: "RESOURCE_EXHAUSTED" })],
    { error: /Quota exceeded/, retryable: true },
    3,
  ),
  fails("an error as a detail", { detail: "Not authenticated" }, { error: /Not authenticated/, retryable: false }, 1),
  fails(
    "an error as an object",
    { object: "error", message: "The engine is dead.", code: 500 },
    { error: /The engine is dead/, retryable: true },
    3,
  ),
  fails(
    "an error beside choices that are null",
    { choices: null, base_resp: { status_code: 1004, status_msg: "login fail: invalid key" } },
    { error: /login fail/, retryable: false },
    1,
  ),
  fails(
    "an error in an envelope",
    { success: false, errors: [{ code: 7003, message: "Could not route to the model." }], result: null },
    { error: /Could not route/ },
    3,
  ),
  fails(
    "an error of another one",
    error("Provider returned error", { code: 400, metadata: { raw: JSON.stringify(error("The prompt is bad.")) } }),
    { error: /Provider returned error.*The prompt is bad/, retryable: false },
    1,
  ),
  fails("choices that are null", { choices: null }, { error: /without a text/ }, 3),
  fails("no choices", { choices: [] }, { error: /without a text/ }, 3),
  fails("something else", { hello: "world" }, { error: /without a text/ }, 3),
  fails("a list of numbers", [1], { error: /not a completion/ }, 3),
  fails(
    "an empty reply",
    completion(""),
    { error: /empty reply \(finish_reason "stop"\)/, usage: [30, 15], retryable: true },
    3,
  ),
  fails(
    "a refusal",
    completion(null, { message: { refusal: "I may not." } }),
    { error: /refused to answer: I may not/, usage: [10, 5], retryable: false },
    1,
  ),
  fails(
    "a reply that was withheld",
    completion("", { choice: { finish_reason: "content_filter" } }),
    { error: /withheld.*content_filter/, usage: [10, 5], retryable: false },
    1,
  ),
  fails(
    "an end in error",
    completion("Acc", { choice: { finish_reason: "error" } }),
    { error: /broke off/, usage: [30, 15] },
    3,
  ),
  {
    name: "a page",
    replies: [{ type: "text/html", body: "<html><title>Please log in</title></html>" }],
    right: { error: /not JSON: .*Please log in/, retryable: true },
    requests: 3,
  },
  { name: "nothing", replies: [{ body: "" }], right: { error: /empty body/, retryable: true }, requests: 3 },
  {
    name: "half a reply",
    replies: [{ body: JSON.stringify(completion("Accra")).slice(0, 80) }],
    right: { error: /not JSON/, retryable: true },
    requests: 3,
  },
  {
    name: "a reply that is reset",
    replies: [{ body: JSON.stringify(completion("Accra")).slice(0, 80), cut: true }],
    right: { error: /cannot be reached|broke off|not JSON/, retryable: true },
    requests: 3,
  },
];

/** Statuses. */
const statuses: readonly Dialect[] = [
  fails(
    "a wrong key",
    error("Incorrect API key."),
    { error: /401: Incorrect API key\. No key was sent/, retryable: false },
    1,
    401,
  ),
  fails(
    "a model that is not there",
    error("No such model."),
    { error: /404: No such model/, retryable: false },
    1,
    404,
  ),
  fails("too many requests", error("Slow down."), { error: /429: Slow down/, retryable: true }, 3, 429),
  fails(
    "no money",
    error("You have no credit.", { type: "insufficient_quota", code: "insufficient_quota" }),
    { error: /429: You have no credit/, retryable: false },
    1,
    429,
  ),
  fails("a server that is down", "unavailable", { error: /503: unavailable/, retryable: true }, 3, 503),
  fails(
    "a list of details",
    { detail: [{ loc: ["body", "messages", 0], msg: "field required" }] },
    { error: /body\.messages\.0: field required/, retryable: false },
    1,
    422,
  ),
  {
    name: "a page of a proxy",
    replies: [{ status: 502, type: "text/html", body: "<h1>Bad Gateway</h1>" }],
    right: { error: /502: .*Bad Gateway/, retryable: true },
    requests: 3,
  },
  {
    name: "a redirect",
    replies: [{ status: 308, body: "", headers: { location: "http://127.0.0.1:1/" } }],
    right: { error: /308|cannot be reached/ },
    requests: 1,
  },
  { name: "well again", replies: [json(error("Wait."), { status: 503 }), ...fine], right: ACCRA, requests: 2 },
  {
    name: "empty, and well again",
    replies: [json(completion("")), ...fine],
    right: { text: "Accra", usage: [20, 10] },
    requests: 2,
  },
];

/** Fields that it does not know, by any words that name them. */
const fields: readonly Dialect[] = [
  lacks("no seed", { field: "seed", body: error("Unrecognized request argument supplied: seed") }, { seed: 7 }),
  lacks(
    "no seed, by a place",
    {
      field: "seed",
      status: 422,
      body: {
        detail: [{ type: "extra_forbidden", loc: ["body", "seed"], msg: "Extra inputs are not permitted", input: 7 }],
      },
    },
    { seed: 7 },
  ),
  lacks(
    "no seed, by a parameter",
    { field: "seed", body: error("Unsupported parameter.", { param: "seed" }) },
    { seed: 7 },
  ),
  lacks("no stop", { field: "stop", body: error("'stop' is not supported with this model.") }, { stop: ["."] }),
  {
    ...lacks("no stop, so that it is cut here", { field: "stop", body: error("Unknown field: stop") }, { stop: ["."] }),
    replies: [json(completion("Accra. It is"))],
  },
  lacks(
    "no temperature",
    { field: "temperature", body: error("Unsupported value: 'temperature' does not support 0 with this model.") },
    { temperature: 0, topP: 0.9 },
  ),
  lacks(
    "not both of two",
    {
      field: "top_p",
      body: error("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
    },
    { temperature: 0, topP: 0.9 },
  ),
  lacks(
    "no temperature, and then no seed",
    [
      { field: "temperature", body: error("temperature is not supported") },
      { field: "seed", body: error("seed is not supported") },
    ],
    { temperature: 0, seed: 7 },
    3,
  ),
  lacks(
    "neither of two",
    { field: "seed", body: error("Unrecognized request arguments supplied: seed, top_p") },
    { seed: 7, topP: 0.9 },
  ),
  lacks(
    "no schema",
    {
      field: "response_format",
      when: (value) => JSON.stringify(value).includes("schema"),
      body: error("response_format type json_schema is not supported."),
    },
    { json: true },
  ),
  lacks(
    "no format",
    { field: "response_format", body: error("This response_format type is unavailable now") },
    { json: true },
    3,
  ),
  lacks(
    "no format, by an error of its own",
    { field: "response_format", status: 500, body: error("Failed to parse the grammar of the schema.") },
    { json: true },
    3,
  ),
  lacks(
    "no log-probabilities",
    { field: "logprobs", status: 403, body: error("You are not allowed to request logprobs from this model.") },
    { logProbs: true },
  ),
  lacks(
    "no token ids",
    { field: "return_token_ids", body: error("Unrecognized request argument supplied: return_token_ids") },
    { logProbs: true },
  ),
  lacks(
    "another name for the limit",
    {
      field: "max_tokens",
      body: error(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      ),
    },
    {},
  ),
  lacks(
    "another name for the limit, which it does not say",
    { field: "max_tokens", body: error("Unknown parameter: max_tokens.") },
    {},
  ),
  lacks(
    "no limit by any name",
    [
      { field: "max_tokens", body: error("Unknown parameter: max_tokens.") },
      { field: "max_completion_tokens", body: error("Unknown parameter: max_completion_tokens.") },
    ],
    {},
    3,
  ),
  lacks(
    "a lower limit",
    {
      field: "max_tokens",
      when: (value) => Number(value) > 512,
      body: error("max_tokens is too large: 1024. This model supports at most 512 completion tokens."),
    },
    {},
  ),
  lacks(
    "what a context leaves",
    {
      field: "max_tokens",
      when: (value) => Number(value) > 900,
      body: error(
        "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 1000 tokens and your request has 100 input tokens (1024 > 1000 - 100).",
      ),
    },
    {},
  ),
  lacks("no role of the system", { field: "messages", when: hasSystem, body: error("System role not supported") }, {}),
  lacks(
    "no role of the system, by another name",
    {
      field: "messages",
      when: hasSystem,
      body: error("Unsupported value: 'messages[0].role' does not support 'system' with this model."),
    },
    {},
  ),
  lacks(
    "roles that alternate",
    {
      field: "messages",
      when: hasSystem,
      body: error("Conversation roles must alternate user/assistant/user/assistant/..."),
    },
    {},
  ),
  lacks("no tools", { field: "tools", body: error("small does not support tools") }, { tools: true }, 2),
  lacks(
    "no tools, but with a choice first",
    { field: "tools", body: error('"auto" tool choice requires --enable-auto-tool-choice to be set') },
    { tools: true },
    3,
  ),
  lacks("no choice of tools", { field: "tool_choice", body: error("tool_choice is not supported") }, { tools: true }),
  lacks(
    "a limit that is too low",
    {
      field: "max_tokens",
      when: (value) => Number(value) < 16,
      body: error("Invalid 'max_tokens': expected a value >= 16, but got 8 instead."),
    },
    { maxTokens: 8 },
  ),
  {
    name: "no streams",
    replies: fine,
    refuses: [{ field: "stream", body: error("Streaming is not supported by this model.", { param: "stream" }) }],
    streams: true,
    right: ACCRA,
    requests: 2,
  },
  {
    name: "no options of streams",
    replies: [sse(part("Accra"), end(), counted(), "[DONE]")],
    refuses: [{ field: "stream_options", body: error("Unknown field: stream_options") }],
    streams: true,
    right: ACCRA,
    requests: 2,
  },
  {
    name: "no seed, said by a stream",
    replies: [sse(part("Accra"), end(), counted(), "[DONE]")],
    refuses: [{ field: "seed", status: 200, body: error("seed is not supported", { code: 400 }) }],
    streams: true,
    asks: { seed: 7 },
    right: ACCRA,
    requests: 2,
  },
  {
    ...lacks(
      "a request that is bad in itself",
      { field: "messages", when: isText, body: error("Bad request.") },
      { seed: 7 },
      1,
    ),
    right: { error: /400: Bad request/, retryable: false },
  },
  {
    ...lacks(
      "a field without which it will not do either",
      { field: "messages", when: isText, body: error("seed is not supported") },
      { seed: 7 },
      2,
    ),
    right: { error: /400: seed is not supported/, retryable: false },
  },
];

export const refusals: readonly Dialect[] = [...errors, ...statuses, ...fields];
