import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A service that publishes content to channels, on loopback: what `aitoearnTools` talks to. */
export interface ChannelServer {
  readonly baseURL: string;
  /** Posts that were published, in order. */
  readonly posts: readonly {
    readonly id: string;
    readonly accounts: readonly string[];
    readonly title: string;
    readonly content: string;
  }[];
  /** What the works of a post have got until now. */
  setViews(postId: string, views: number): void;
  close(): Promise<void>;
}

/** Two platforms with an account each; a post becomes a work on every account that it was published to. */
export const channelServer = async ({ apiKey }: { readonly apiKey: string }): Promise<ChannelServer> => {
  const posts: { id: string; accounts: string[]; title: string; content: string }[] = [];
  const views = new Map<string, number>();
  const platforms = [
    { id: "video", name: "Video" },
    { id: "text", name: "Text" },
  ];
  const accounts = platforms.map(({ id }) => ({ id: `${id}-account`, platform: id }));
  const answer = (method: string, path: string, body: string): unknown => {
    if (path === "platforms") return platforms;
    if (path === "accounts") return accounts;
    if (path === "publish/flows" && method === "POST") {
      const { accountIds, title, content } = JSON.parse(body) as {
        accountIds: string[];
        title: string;
        content: string;
      };
      const post = { id: `post-${posts.length + 1}`, accounts: accountIds, title, content };
      posts.push(post);
      return { id: post.id, status: "published" };
    }
    const [, flow] = /^publish\/flows\/([\w-]+)$/.exec(path) ?? [];
    const post = posts.find(({ id }) => id === flow);
    if (post !== undefined) return { id: post.id, status: "published", works: post.accounts.length };
    const [, platform, work] = /^works\/([\w-]+)\/([\w-]+)\/metrics$/.exec(path) ?? [];
    if (platform !== undefined && work !== undefined) return { id: work, views: views.get(work) ?? 0 };
    return undefined;
  };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const path = (request.url ?? "").replace("/api/v2/channels/", "").split("?")[0] ?? "";
      const data = request.headers["x-api-key"] === apiKey ? answer(request.method ?? "GET", path, body) : undefined;
      const reply = data === undefined ? { code: 404, message: `nothing at ${path}` } : { code: 0, data };
      response.setHeader("content-type", "application/json").end(JSON.stringify(reply));
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    setViews: (postId, count) => views.set(postId, count),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
};
