import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
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
