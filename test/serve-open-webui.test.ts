import type { ListeningServer } from "agentflow/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, cityFlow, cityModel, closeServers, QUESTION, serveForTest } from "./serve-double.ts";

// What Open WebUI sends to a connection of the OpenAI kind, by its documentation (docs.openwebui.com, OpenAI-compatible
// connections and task models): its requests come from its own server, not from a browser.
const model = cityModel();
let server: ListeningServer;
beforeAll(async () => {
  server = await serveForTest({
    flows: { research: { flow: cityFlow(model) }, "research:small": { flow: cityFlow() } },
  });
}, 120_000);
afterAll(closeServers);

/** Names of people go along where an administrator wants it. */
const forwarded = {
  "user-agent": "Python/3.11 aiohttp/3.12",
  "x-openwebui-user-name": "Ada%20Lovelace",
  "x-openwebui-user-id": "4f0c",
  "x-openwebui-user-email": "ada@example.org",
  "x-openwebui-user-role": "admin",
  "x-openwebui-chat-id": "c-1",
};
const post = (body: object): Promise<Response> => ask(server, "/v1/chat/completions", body, { headers: forwarded });
const errorOf = async (response: Response): Promise<readonly [number, { message: string; code: string | null }]> => [
  response.status,
  ((await response.json()) as { error: { message: string; code: string | null } }).error,
];

/** The parts of a stream as Open WebUI reads them: lines that begin with `data:`, to `[DONE]`. */
const partsOf = async (response: Response) => {
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  expect(lines.pop()).toBe("data: [DONE]");
  return lines.map(
    (line) =>
      JSON.parse(line.slice(6)) as {
        readonly choices: readonly {
          readonly delta: { readonly content?: string; readonly reasoning_content?: string };
          readonly finish_reason: string | null;
        }[];
        readonly usage?: { readonly total_tokens: number } | null;
      },
  );
};

describe("a connection", () => {
  it("is verified by the list of models, with the token as a key, and fails without it", async () => {
    const headers = { ...forwarded, "content-type": "application/json" };
    const listed = await ask(server, "/v1/models", undefined, { headers });
    expect(listed.status).toBe(200);
    const { object, data } = (await listed.json()) as { object: string; data: { id: string; object: string }[] };
    expect([object, ...data.map(({ id, object: kind }) => `${kind} ${id}`)]).toEqual([
      "list",
      "model research",
      "model research:small",
    ]);
    const refused = await fetch(`${server.url}/v1/models`, { headers: { authorization: "Bearer sk-something-else" } });
    const [status, error] = await errorOf(refused);
    expect([status, typeof error.message]).toEqual([401, "string"]);
  });
});

describe("a chat", () => {
  it("is streamed, the turns as thinking, with the usage at the end and whatever fields go along", async () => {
    const response = await post({
      model: "research",
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: "system", content: "You are helpful. Today is Monday." },
        { role: "user", content: QUESTION, id: "m-1", timestamp: 1_764_460_800, files: [] },
      ],
      temperature: 0.7,
      top_k: 40,
      min_p: 0.05,
      repeat_penalty: 1.1,
      max_tokens: 512,
      chat_id: "c-1",
      session_id: "s-1",
      features: { web_search: false, image_generation: false },
      variables: { "{{USER_NAME}}": "Ada" },
      background_tasks: { title_generation: true, tags_generation: true },
      metadata: { user_id: "4f0c", chat_id: "c-1", task: null },
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    const parts = await partsOf(response);
    const text = (field: "content" | "reasoning_content"): string =>
      parts.map(({ choices }) => choices[0]?.delta[field] ?? "").join("");
    expect(text("content")).toBe("15 million");
    expect(text("reasoning_content")).toMatch(/^Turn 1: look q1\n/);
    const last = parts.at(-1);
    expect(last?.choices).toEqual([]);
    expect(last?.usage?.total_tokens).toBeGreaterThan(0);
    expect(parts.map(({ choices }) => choices[0]?.finish_reason).filter((reason) => reason)).toEqual(["stop"]);
  });

  it("is answered at once, by a model whose name has a tag, with text in parts", async () => {
    const response = await post({
      model: "research:small",
      stream: false,
      messages: [{ role: "user", content: [{ type: "text", text: QUESTION }] }],
    });
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
    expect([response.status, choices[0]?.message.content]).toEqual([200, "15 million"]);
  });

  it("continues with what was said before, thinking included as it comes back", async () => {
    const before = model.requests.length;
    const response = await post({
      model: "research",
      stream: false,
      messages: [
        { role: "user", content: 'How many people live in "Accra"?' },
        {
          role: "assistant",
          content: '<details type="reasoning" done="true" duration="2">\n> Turn 1: look q1\n</details>\n3 million',
        },
        { role: "user", content: QUESTION },
      ],
    });
    const body = (await response.json()) as { agentflow: { conversation: string } };
    expect([response.status, body.agentflow.conversation]).toEqual([200, "given"]);
    expect(JSON.stringify(model.requests.slice(before))).toContain("3 million");
  });

  it("names the models there are for one that is not", async () => {
    const [status, { message, code }] = await errorOf(
      await post({ model: "research:latest", messages: [{ role: "user", content: QUESTION }] }),
    );
    expect([status, code]).toEqual([404, "model_not_found"]);
    expect(message).toContain("research, research:small");
  });

  it("is refused with a picture, a file, or tools that it brings, by what they are", async () => {
    const picture = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };
    const file = { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERi0=" } };
    for (const part of [picture, file]) {
      const [status, error] = await errorOf(
        await post({
          model: "research",
          stream: true,
          messages: [{ role: "user", content: [{ type: "text", text: QUESTION }, part] }],
        }),
      );
      expect([status, error.code]).toEqual([400, "unsupported_content"]);
      expect(error.message).toContain(`"${part.type}"`);
    }
    const tools = [
      { type: "function", function: { name: "search_web", parameters: { type: "object", properties: {} } } },
    ];
    const messages = [{ role: "user", content: QUESTION }];
    const [status, error] = await errorOf(await post({ model: "research", messages, tools, tool_choice: "auto" }));
    expect([status, error.code]).toEqual([400, "tools_not_supported"]);
    expect(error.message).toContain("search_web");
    expect((await post({ model: "research", messages, tools: [], functions: null })).status).toBe(200);
  });
});

describe("a chore of the page", () => {
  const chore = (task: string): string =>
    `### Task:\n${task}\n### Output:\nJSON format: { "title": "…" }\n### Chat History:\n<chat_history>\nUSER: ${QUESTION}\nASSISTANT: 15 million\n</chat_history>`;

  it.each([
    ["title_generation", "Write a concise title of 3 to 5 words with an emoji."],
    ["tags_generation", "Write 1 to 3 broad tags of the themes of the chat."],
    ["follow_up_generation", "Suggest 3 to 5 questions that the user may ask next."],
    ["query_generation", "Decide whether a search is needed, and write its queries."],
  ])("is refused and costs no solve: %s", async (task, words) => {
    const before = model.requests.length;
    const messages = [{ role: "user", content: chore(words) }];
    // What comes to a connection has no metadata; gateways in between pass it on.
    for (const metadata of [undefined, { task, chat_id: "c-1" }]) {
      const [status, { code, message }] = await errorOf(
        await post({ model: "research", stream: false, messages, max_completion_tokens: 1000, metadata }),
      );
      expect([status, code]).toEqual([400, "chore_not_supported"]);
      expect(message).toContain(metadata === undefined ? "the conversation" : task);
    }
    expect(model.requests).toHaveLength(before);
  });

  it("is no question that is about tasks", async () => {
    const messages = [{ role: "user", content: `### Task: answer this.\n${QUESTION}` }];
    expect((await post({ model: "research", messages, metadata: { task: "research" } })).status).toBe(200);
  });
});
