import { join } from "node:path";
import { build } from "vite";

const source = join(import.meta.dirname, "../../web/dashboard");

/** Builds the dashboard into a folder: one page, and files with the hash of their content in their names. */
export const buildDashboard = async (out: string): Promise<void> => {
  await build({ configFile: join(source, "vite.config.ts"), build: { outDir: out } });
};
