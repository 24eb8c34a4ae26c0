import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { ConfigError, ToolError } from "../errors.ts";
import type { AnyTool, ToolContext, ToolOutput } from "../tool.ts";
import { aitoearnTools, corpusSearch, webPage, webSearch, wikipediaSearch } from "./index.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});
const serve = async (
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> => {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => answer(request, response, body));
  });
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const context = (more: Partial<ToolContext> = {}): ToolContext => ({
  abortSignal: new AbortController().signal,
  ...more,
});
const call = async (tool: unknown, input: object, more?: Partial<ToolContext>): Promise<ToolOutput> =>
  (await (tool as AnyTool).execute(input as never, context(more))) as ToolOutput;

const html = `<!doctype html><html><head><title>Lagos airport</title></head><body>
<nav>Home</nav><article><h1>Murtala Muhammed</h1><p>${"The airport serves Lagos and lies in Ikeja. ".repeat(12)}</p>
<table><tr><th>Elevation</th><td>135 ft</td></tr><tr><th>Opened</th><td>1978-03-15</td></tr><tr><th>IATA</th><td>LOS</td></tr></table>
<h2>History</h2><p>${"It was named after a general who had been head of state. ".repeat(10)}</p>
<h2>Runways</h2><p>${"There are two runways of asphalt. ".repeat(10)}</p></article><script>ignore()</script></body></html>`;

describe("web_page", () => {
  const open = { dangerouslyAllowPrivateAddresses: true };

  it("reads a page: its beginning and sections, a section, passages, and what its tables state", async () => {
    let requests = 0;
    const address = await serve((_, response) => {
      requests += 1;
      response.writeHead(200, { "content-type": "text/html", "content-encoding": "gzip" }).end(gzipSync(html));
    });
    const tool = webPage(open);
    const page = await call(tool, { url: address });
    expect(page.text).toMatch(/^Lagos airport|^Murtala/);
    expect(page.text).toMatch(/Sections: .*History.*Runways/);
    expect(page.text.length).toBeLessThanOrEqual(2100);
    expect(page.fields).toMatchObject({
      elevation: { kind: "number", value: 135, unit: "ft" },
      opened: { kind: "date", value: "1978-03-15" },
      iata: { kind: "text", value: "LOS" },
    });
    expect([page.trust, page.source]).toEqual(["untrusted", address]);
    expect((await call(tool, { url: address, section: "runways" })).text).toMatch(/two runways/);
    expect((await call(tool, { url: address, query: "general head of state" })).text).toMatch(/named after a general/);
    await expect(call(tool, { url: address, section: "Nowhere" })).rejects.toThrow(/1 .*History/);
    expect(requests).toBe(1);
  });

  it("says why a page cannot be had", async () => {
    const address = await serve((request, response) => {
      if (request.url === "/loop") response.writeHead(302, { location: "/loop" }).end();
      else if (request.url === "/bomb")
        response
          .writeHead(200, { "content-type": "text/plain", "content-encoding": "gzip" })
          .end(gzipSync(Buffer.alloc(20_000_000)));
      else if (request.url === "/picture") response.writeHead(200, { "content-type": "image/png" }).end("x");
      else response.writeHead(request.url === "/busy" ? 503 : 404).end();
    });
    const tool = webPage(open);
    await expect(call(tool, { url: `${address}/loop` })).rejects.toThrow(/redirects more than 5/);
    await expect(call(tool, { url: `${address}/bomb` })).rejects.toThrow(/larger than/);
    await expect(call(tool, { url: `${address}/picture` })).rejects.toThrow(/image\/png/);
    await expect(call(tool, { url: `${address}/gone` })).rejects.toMatchObject({
      message: expect.stringContaining("status 404"),
      retryable: false,
    });
    await expect(call(tool, { url: `${address}/busy` })).rejects.toMatchObject({ retryable: true });
    await expect(call(tool, { url: "http://127.0.0.1:1/" })).rejects.toMatchObject({ retryable: true });
    await expect(call(tool, { url: "file:///etc/passwd" })).rejects.toThrow(/accepted are http/);
    await expect(call(tool, { url: "nonsense" })).rejects.toThrow(ToolError);
    await expect(call(tool, { url: address }, { grants: { hosts: ["example.org"] } })).rejects.toThrow(/grants/);
  });

  it("reads pages however they are written and packed, and follows those that send on", async () => {
    const said = "<html><head><title>Straße</title></head><body><p>Größe: 12 Fuß</p></body></html>";
    const utf16 = Buffer.from(`\ufeff${said}`, "utf16le");
    const pages: Readonly<Record<string, readonly [Buffer, Readonly<Record<string, string>>?]>> = {
      "/utf16": [utf16],
      "/utf16be": [Buffer.from(utf16).swap16(), { "content-type": "text/html; charset=utf-8" }],
      "/utf16-unmarked": [utf16.subarray(2)],
      "/utf16-named": [Buffer.from(said, "utf16le"), { "content-type": "text/html; charset=utf-16le" }],
      "/latin1": [Buffer.from(said, "latin1")],
      "/wrong-name": [Buffer.from(said.replace("<head>", '<head><meta charset="utf-16">'))],
      "/raw": [deflateRawSync(said), { "content-encoding": "deflate" }],
      "/zlib": [deflateSync(said), { "content-encoding": "Deflate" }],
      "/twice": [gzipSync(deflateSync(said)), { "content-encoding": "deflate, gzip" }],
      "/moved": [Buffer.from('<meta http-equiv="Refresh" content="0; URL=\'/utf16\'">')],
      "/reloads": [Buffer.from(said.replace("<head>", '<head><meta http-equiv="refresh" content="300; url=/zlib">'))],
    };
    const address = await serve((request, response) => {
      const [body, headers] = pages[request.url ?? ""] ?? [Buffer.alloc(0), { "content-encoding": "gzip" }];
      const moves =
        request.url === "/circle" ? Buffer.from('<meta http-equiv=refresh content="0;url=/circle?">') : body;
      response.writeHead(200, { "content-type": "text/html", ...headers }).end(moves);
    });
    const tool = webPage(open);
    for (const path of Object.keys(pages))
      expect((await call(tool, { url: `${address}${path}` })).text, path).toMatch(/^Straße\n.*Größe: 12 Fuß/s);
    await expect(call(tool, { url: `${address}/nothing` })).rejects.toThrow(/is empty/);
    const inside = await serve((_, response) => {
      response
        .writeHead(200, { "content-type": "text/html" })
        .end('<meta http-equiv="refresh" content="0;url=http://[::1]:1/">');
    });
    await expect(call(tool, { url: inside }, { grants: { hosts: ["127.0.0.1"] } })).rejects.toThrow(/grants/);
    let n = 0;
    const circle = await serve((_, response) => {
      n += 1;
      response.writeHead(200, { "content-type": "text/html" }).end(`<meta http-equiv=refresh content="0;url=/${n}">`);
    });
    await expect(call(tool, { url: circle })).rejects.toThrow(/sends its readers on more than 5/);
  });

  it("finds the passage of a long page in a script without spaces", async () => {
    const text = `${"北京是中国的首都，天气很好。".repeat(3000)}秘密代码是四十二。${"水是生命之源。".repeat(3000)}`;
    const address = await serve((_, response) => {
      response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end(text);
    });
    const output = await call(webPage(open), { url: address, query: "秘密代码是什么" });
    expect(output.text).toContain("秘密代码是四十二");
  });

  it("reaches nothing on this machine unless it is told to", async () => {
    let requests = 0;
    const address = await serve((_, response) => {
      requests += 1;
      response.end("secret");
    });
    const tool = webPage({ resolve: async () => ["127.0.0.1"] });
    for (const url of [address, address.replace("127.0.0.1", "localhost"), address.replace("127.0.0.1", "2130706433")])
      await expect(call(tool, { url })).rejects.toThrow(/not on the public internet/);
    expect(requests).toBe(0);
  });
});

describe("web_search", () => {
  const replies: Readonly<Record<string, unknown>> = {
    SERPER_API_KEY: {
      organic: [{ title: "Node", link: "https://nodejs.org/", snippet: "Runs JavaScript." }],
      answerBox: { answer: "22" },
    },
    BRAVE_API_KEY: {
      web: { results: [{ title: "Node", url: "https://nodejs.org/", description: "Runs JavaScript." }] },
    },
    TAVILY_API_KEY: {
      answer: "22",
      results: [{ title: "Node", url: "https://nodejs.org/", content: "Runs JavaScript." }],
    },
    SEARXNG_URL: { results: [{ title: "Node", url: "https://nodejs.org/", content: "Runs JavaScript." }] },
    GEMINI_API_KEY: {
      candidates: [
        {
          content: { parts: [{ text: "It is 22." }] },
          groundingMetadata: { groundingChunks: [{ web: { uri: "https://nodejs.org/", title: "Node" } }] },
        },
      ],
    },
  };

  it.each(Object.keys(replies))(
    "reads the replies of the engine behind %s, and asks once for one query",
    async (variable) => {
      const asked: string[] = [];
      const fake: typeof fetch = async (url, init) => {
        asked.push(`${String(url)} ${JSON.stringify(init?.headers)}`);
        return new Response(JSON.stringify(replies[variable]));
      };
      const value = variable === "SEARXNG_URL" ? "http://127.0.0.1:1" : "secret-key";
      const tool = webSearch({ environment: { [variable]: value }, fetch: fake });
      let charged = 0;
      const meter = {
        check: () => undefined,
        charge: ({ toolDollars = 0 }) => {
          charged += toolDollars;
        },
      };
      const output = await call(tool, { query: "newest Node" }, { meter });
      await call(tool, { query: "newest Node" }, { meter });
      expect(output.fields).toEqual({ "1": { kind: "address", value: "https://nodejs.org/", label: "Node" } });
      expect(output.trust).toBe("untrusted");
      expect(asked).toHaveLength(1);
      expect(charged > 0).toBe(variable !== "SEARXNG_URL");
      expect(output.text).not.toContain("secret-key");
    },
  );

  it("says which keys there could be, and what an engine complains about", async () => {
    expect(() => webSearch({ environment: {} })).toThrow(/GEMINI_API_KEY.*SEARXNG_URL/);
    const refusing: typeof fetch = async () => new Response("no credit", { status: 402 });
    const tool = webSearch({ environment: { SERPER_API_KEY: "secret-key" }, fetch: refusing });
    await expect(call(tool, { query: "x" })).rejects.toThrow(/google.serper.dev answers with status 402: no credit/);
  });
});

describe("an engine that cannot answer", () => {
  const replying =
    (body: unknown): typeof fetch =>
    async () =>
      new Response(JSON.stringify(body));
  const outcome = (tool: unknown) => call(tool, { query: "x" }).catch((error: unknown) => error);
  const environment = { SEARXNG_URL: "http://127.0.0.1:1" };

  it.each<[string, unknown, boolean, RegExp]>([
    ["its engines are down", { results: [], unresponsive_engines: [["google", "timeout"]] }, true, /google,timeout/],
    ["is over its limit", { error: { code: "RATE_LIMITED", detail: "slow down" } }, true, /slow down/],
    ["is down", { error: { code: 503, message: "later" } }, true, /503: later/],
    ["refuses the key", { error: { code: 403, message: "bad key" } }, false, /403: bad key/],
    ["complains in words", { error: "no such index" }, false, /no such index/],
    ["knows nothing", { results: [] }, false, /found no page/],
  ])("because it %s", async (_, body, retryable, message) => {
    const thrown = await outcome(webSearch({ environment, fetch: replying(body) }));
    expect(thrown).toBeInstanceOf(ToolError);
    expect(thrown).toMatchObject({ retryable, message: expect.stringMatching(message) });
  });

  it("because its own code fails is unavailable, and asked again later", async () => {
    let calls = 0;
    const engine = {
      name: "mine",
      dollars: 0,
      search: async () => {
        calls += 1;
        if (calls === 1) throw new TypeError("fetch failed");
        return { hits: [{ title: "A", url: "https://a.example/", snippet: "" }] };
      },
    };
    const tool = webSearch({ engine });
    expect(await outcome(tool)).toMatchObject({ retryable: true, message: "mine cannot be asked: fetch failed." });
    expect(await outcome(tool)).toMatchObject({ text: expect.stringContaining("https://a.example/") });
  });

  it.each<[string, unknown, boolean, RegExp]>([
    ["lags", { error: { code: "maxlag", info: "Waiting for db1: 7 seconds lagged." } }, true, /maxlag: Waiting/],
    ["is read-only", { error: { code: "readonly", info: "The wiki is in read-only mode." } }, true, /readonly/],
    ["does not understand", { error: { code: "badvalue", info: "Unrecognized value." } }, false, /badvalue/],
    ["says nothing of what it found", { batchcomplete: true }, true, /did not say/],
    ["found nothing", { query: { search: [] } }, false, /found no article/],
  ])("an encyclopedia that %s", async (_, body, retryable, message) => {
    const thrown = await outcome(wikipediaSearch({ fetch: replying(body) }));
    expect(thrown).toMatchObject({ retryable, message: expect.stringMatching(message) });
  });
});

it("wikipedia_search goes on to the next article where one has no text", async () => {
  const texts: Readonly<Record<string, string>> = { Mercury: "", "Mercury (planet)": "It is the innermost planet." };
  const fake: typeof fetch = async (url) => {
    const asked = new URL(String(url)).searchParams;
    const title = asked.get("titles") ?? "";
    const query =
      asked.get("list") === "search"
        ? { search: Object.keys(texts).map((found) => ({ title: found })) }
        : { pages: [{ title, extract: texts[title] }] };
    return new Response(JSON.stringify({ query }));
  };
  const output = await call(wikipediaSearch({ fetch: fake }), { query: "Mercury" });
  expect(output.text).toMatch(/^Mercury \(planet\)\n\nIt is the innermost planet/);
});

it("wikipedia_search gives the lead and the passages that fit", async () => {
  const filler = Array.from({ length: 600 }, (_, i) => `word${i}`).join(" ");
  const fake: typeof fetch = async (url) => {
    const asked = new URL(String(url)).searchParams;
    return new Response(
      JSON.stringify(
        asked.get("list") === "search"
          ? { query: { search: [{ title: "Marie Curie" }, { title: "Pierre Curie" }] } }
          : {
              query: {
                pages: [
                  {
                    title: "Marie Curie",
                    extract: `She was a physicist.\n\n${filler} Nobel Prize in Chemistry 1911 ${filler}`,
                  },
                ],
              },
            },
      ),
    );
  };
  const output = await call(wikipediaSearch({ fetch: fake }), { query: "Curie Nobel Chemistry" });
  expect(output.text).toMatch(/^Marie Curie\n\nShe was a physicist\./);
  expect(output.text).toContain("Nobel Prize in Chemistry 1911");
  expect(output.text).toMatch(/Other articles: Pierre Curie$/);
  expect(output.text.length).toBeLessThanOrEqual(2000);
});

describe("corpus_search", () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true });
  });

  it("finds words of languages that are written without spaces, and with marks", async () => {
    const root = await mkdtemp(join(tmpdir(), "agentflow-corpus-"));
    folders.push(root);
    const texts = {
      "zh.txt": "拉各斯是尼日利亚最大的城市，国际机场位于伊凯贾。",
      "ja.txt": "東京タワーは港区にある電波塔で、高さは３３３メートルです。",
      "th.txt": "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย",
      "ko.txt": "서울은 대한민국의 수도이다",
      "hi.txt": "हिन्दी भारत की राजभाषा है",
    };
    for (const [file, text] of Object.entries(texts)) await writeFile(join(root, file), text);
    await writeFile(join(root, "utf16.txt"), Buffer.from("\ufeffКлюч под ковриком", "utf16le"));
    const tool = corpusSearch({ folder: root });
    for (const [query, file] of Object.entries({
      机场: "zh",
      "国际机场在哪里？": "zh",
      塔: "ja",
      ﾀﾜｰ: "ja",
      "333": "ja",
      เมืองหลวง: "th",
      수도: "ko",
      राजभाषा: "hi",
      ковриком: "utf16",
    }))
      expect((await call(tool, { query })).text, query).toMatch(new RegExp(`^1\\. ${file}\\.txt`));
    await expect(call(tool, { query: "भाष" })).rejects.toThrow(/found nothing/);
    tool.close();
  });

  it("finds passages in a folder, follows changes, stays inside, and asks the grants", async () => {
    const root = await mkdtemp(join(tmpdir(), "agentflow-corpus-"));
    folders.push(root);
    await mkdir(join(root, "docs"));
    await mkdir(join(root, "secret"));
    await writeFile(join(root, "docs", "lease.md"), "# Lease\n\nThe notice period is three months.");
    await writeFile(join(root, "docs", "menu.html"), "<html><body><p>Soup of the day is lentils.</p></body></html>");
    await writeFile(join(root, "docs", "broken.pdf"), "%PDF-1.7 nothing");
    await writeFile(join(root, "secret", "key.txt"), "The launch code is 42.");
    await symlink(join(root, "secret"), join(root, "docs", "link"));
    const tool = corpusSearch({ folder: join(root, "docs") });
    const output = await call(tool, { query: "notice period" });
    expect(output.text).toMatch(/^1\. lease\.md: Lease The notice period is three months/);
    expect(output.trust).toBe("untrusted");
    await expect(call(tool, { query: "launch code" })).rejects.toThrow(/found nothing/);
    await writeFile(join(root, "docs", "lease.md"), "# Lease\n\nThe deposit is two rents, changed.");
    expect((await call(tool, { query: "deposit" })).text).toMatch(/two rents/);
    await expect(call(tool, { query: "notice" })).rejects.toThrow(ToolError);
    const grants = { folders: [join(root, "secret")] };
    await expect(call(tool, { query: "deposit" }, { grants })).rejects.toThrow(/grants/);
    expect((await call(tool, { query: "deposit" }, { grants: { folders: [root] } })).text).toMatch(/two rents/);
    tool.close();
    const ranked = corpusSearch({
      folder: join(root, "docs"),
      embed: async (texts) => texts.map((text) => [text.includes("lentils") ? 1 : 0, 1]),
    });
    expect((await call(ranked, { query: "soup lentils day" })).text).toMatch(/menu\.html/);
  });
});

describe("aitoearn", () => {
  it("calls the API with the key, takes code 0 for success, and marks what publishes", async () => {
    const seen: string[] = [];
    const address = await serve((request, response, body) => {
      seen.push(`${request.method} ${request.url} ${String(request.headers["x-api-key"])} ${body}`);
      const data = request.url?.endsWith("/platforms") ? [{ id: "youtube" }, { id: "x" }] : { id: "flow-1", views: 7 };
      response.end(
        JSON.stringify(request.url?.includes("missing") ? { code: 404, message: "no such flow" } : { code: 0, data }),
      );
    });
    const tools = aitoearnTools({ baseURL: address, apiKey: "secret-key" });
    expect(Object.entries(tools).flatMap(([name, one]) => (one.needsApproval === true ? name : []))).toEqual([
      "upload_media",
      "create_publish_flow",
    ]);
    const flow = await call(tools.create_publish_flow, { accounts: "a, b", title: "Hi", text: "There" });
    expect(flow.fields).toEqual({ id: { kind: "text", value: "flow-1" }, views: { kind: "number", value: 7 } });
    expect(seen[0]).toBe(
      'POST /api/v2/channels/publish/flows secret-key {"accountIds":["a","b"],"title":"Hi","content":"There","mediaIds":[]}',
    );
    await expect(call(tools.publish_flow, { id: "missing" })).rejects.toThrow(/no such flow/);
    await call(tools.work_metrics, { platform: "you/tube", id: "1" });
    expect(seen.at(-1)).toContain("/works/you%2Ftube/1/metrics");
    expect(await tools.channel_platforms?.check?.(context())).toMatch(/2 platforms/);
    expect(() => aitoearnTools({ environment: {} })).toThrow(ConfigError);
  });
});
