import { existsSync, readFileSync } from "node:fs";
import { defineConfig } from "vitepress";

const root = new URL("../../../", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
  readonly exports: Readonly<Record<string, unknown>>;
};
const entries = Object.keys(exports).map((entry) => ({
  text: entry.replace(/^\./, "agentflow"),
  link: `/api/${entry === "." ? "agentflow" : entry.slice(2)}`,
}));

/** An item of the navigation, where its page exists. */
const page = (text: string, link: string): { text: string; link: string }[] =>
  existsSync(new URL(`../pages/${link}.md`, import.meta.url)) ? [{ text, link: `/${link}` }] : [];

export default defineConfig({
  srcDir: "pages",
  outDir: "dist",
  // A host that serves the site below a path: DOCS_BASE=/agentflow/.
  base: process.env.DOCS_BASE ?? "/",
  title: "AgentFlow",
  description: "Agents that learn in the flow: a trainable agent system in TypeScript.",
  lang: "en",
  // The tests of links follow headings as well (scripts/docs/check-site.ts).
  ignoreDeadLinks: false,
  metaChunk: true,
  vite: { build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Start", link: "/start" },
      { text: "Concepts", link: "/concepts" },
      { text: "Reference", link: "/reference/commands" },
      { text: "API", link: "/api/" },
    ],
    sidebar: [
      {
        text: "Begin",
        items: [
          ...page("Start in five minutes", "start"),
          ...page("Concepts", "concepts"),
          ...page("Examples", "examples"),
        ],
      },
      {
        text: "Build",
        items: [
          ...page("Your own tasks", "your-own-tasks"),
          ...page("Any model", "any-model"),
          ...page("Tools and safety", "tools-and-safety"),
        ],
      },
      {
        text: "Operate",
        items: [
          ...page("Serving and feedback", "serve"),
          ...page("Reading a run", "reading-a-run"),
          ...page("Training elsewhere", "scale"),
        ],
      },
      {
        text: "Research",
        items: [
          ...page("How we measure", "how-we-measure"),
          ...page("Published claims", "reproducing"),
          ...page("Promises and checks", "promises"),
          ...page("Log of results", "log"),
          ...page("Architecture", "architecture"),
          ...page("Contributing", "contributing"),
        ],
      },
      {
        text: "Reference",
        items: [
          ...page("Commands", "reference/commands"),
          ...page("Configuration", "reference/configuration"),
          ...page("Errors and exit codes", "reference/errors"),
        ],
      },
      { text: "API", collapsed: true, items: [{ text: "Overview", link: "/api/" }, ...entries] },
    ],
  },
});
