/** Builds the page that learns into `web/demo/dist`: static files for any folder of any host. */
import { join } from "node:path";
import { build } from "vite";

// Whoever starts this may be a test, whose environment says so: the page is built as it is published.
process.env.NODE_ENV = "production";

await build({ configFile: join(import.meta.dirname, "../web/demo/vite.config.ts") });
