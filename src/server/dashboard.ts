import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageFolder } from "../package-folder.ts";
import { RequestError } from "./request-error.ts";

/** The built page as the server sends it: files that hold nothing secret, and go out without a token. */
export interface Dashboard {
  /** The file of a request; undefined where the path is not one of a file. Throws `RequestError` where nothing was built. */
  responseTo(request: Request): Response | undefined;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const safeHeaders = {
  "content-security-policy": [
    "default-src 'none'",
    ...["script-src", "style-src", "img-src", "connect-src"].map((kind) => `${kind} 'self'`),
    ...["base-uri", "form-action", "frame-ancestors"].map((kind) => `${kind} 'none'`),
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** Files under this path have the hash of their content in their names. */
const HASHED = "/assets/";

/**
 * Reads the built page into memory. Only what was read then can be asked for: a path is a key, and leads nowhere else.
 * `folder` is by default the one of the package.
 */
export const openDashboard = async (
  folder = fileURLToPath(new URL("dist/dashboard", packageFolder)),
): Promise<Dashboard> => {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, { readonly content: Buffer; readonly headers: Readonly<Record<string, string>> }>();
  for (const entry of found) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(folder.length).replaceAll("\\", "/");
    const cache = path.startsWith(HASHED) ? "public, max-age=31536000, immutable" : "no-cache";
    const headers = { ...safeHeaders, "content-type": type, "cache-control": cache };
    files.set(path === "/index.html" ? "/" : path, { content: await readFile(file), headers });
  }
  return {
    responseTo: ({ method, url }) => {
      if (method !== "GET" && method !== "HEAD") return undefined;
      const { pathname } = new URL(url);
      const asked = files.get(pathname);
      if (asked === undefined && pathname === "/" && files.size === 0)
        throw new RequestError(404, "The dashboard is not built: run npm run build.", { code: "no_dashboard" });
      if (asked === undefined) return undefined;
      return new Response(method === "HEAD" ? null : new Uint8Array(asked.content), { headers: asked.headers });
    },
  };
};
