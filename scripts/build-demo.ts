/** Builds the page that learns into `web/demo/dist`: static files for any folder of any host. */
import { join } from "node:path";
import { build } from "vite";

await build({ configFile: join(import.meta.dirname, "../web/demo/vite.config.ts") });
