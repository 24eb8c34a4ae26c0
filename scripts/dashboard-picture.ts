/**
 * Photographs the dashboard on a real run, in Chromium, and puts the pictures into an animated SVG, `docs/dashboard.svg`: a
 * question while it is answered, the curves of the run, a group of rollouts as a tree, one of them turn by turn, and the
 * evaluations before and after in pairs. The run is one of `agentflow learn` on the Almanac; the newest of the folder is
 * taken.
 *
 *   npm run build && npx agentflow learn --steps 60 --out out/runs
 *   npx tsx scripts/dashboard-picture.ts out
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { chromium, type Page } from "playwright-core";
import { chromiumArguments, chromiumPath } from "./chromium.ts";
import { type Slide, slideShow } from "./picture/slides.ts";

const QUESTION = "How many isotopes does the element Iron have?";
const TOKEN = "a-token-for-the-picture-0123";
const [width, height] = [1000, 640];
/** Groups of a step. */
const GROUPS = 12;
const QUALITY = 0.72;
const MOST_BYTES = 400_000;

const root = join(import.meta.dirname, "..");
const folder = resolve(process.argv[2] ?? ".");
const program = chromiumPath();
if (program === undefined) throw new Error("There is no Chromium here: install it, or name it in CHROMIUM_PATH.");
const isLearnt = (id: string): boolean =>
  readdirSync(join(folder, "runs", id)).includes("metrics.jsonl") &&
  readdirSync(join(folder, "runs", id)).includes("report.json");
const run = readdirSync(join(folder, "runs")).filter(isLearnt).sort().at(-1);
if (run === undefined) throw new Error(`${folder}/runs holds no run that has ended: agentflow learn makes one.`);
const steps = readFileSync(join(folder, "runs", run, "metrics.jsonl"), "utf8")
  .trim()
  .split("\n").length;

const server = spawn(process.execPath, [join(root, "dist/cli/main.js"), "serve", "--port", "0", "--json"], {
  cwd: folder,
  env: { ...process.env, AGENTFLOW_TOKEN: TOKEN },
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
const { url } = JSON.parse(line) as { readonly url: string };
const origin = new URL(url).origin;
const browser = await chromium.launch({ executablePath: program, args: [...chromiumArguments] });

/** What is seen of a page, as WebP: the browser itself makes it smaller than the PNG that it photographs. */
const photograph = async (page: Page, studio: Page, seconds: number): Promise<Slide> => {
  const png = (await page.screenshot()).toString("base64");
  const url = await studio.evaluate(
    `new Promise((resolve) => {
      const image = new Image();
      image.onload = () => {
        const canvas = document.createElement("canvas");
        canvas.width = image.width;
        canvas.height = image.height;
        canvas.getContext("2d").drawImage(image, 0, 0);
        resolve(canvas.toDataURL("image/webp", ${QUALITY}));
      };
      image.src = "data:image/png;base64,${png}";
    })`,
  );
  return { data: Buffer.from(String(url).split(",")[1] ?? "", "base64"), type: "image/webp", seconds };
};

try {
  const studio = await browser.newPage();
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: "light", reducedMotion: "reduce" });
  // Whatever else the machine does: a picture is worth the wait.
  page.setDefaultTimeout(180_000);
  const slides: Slide[] = [];
  const take = async (seconds: number): Promise<void> => void slides.push(await photograph(page, studio, seconds));
  /** Opens a place, and waits for what it is about. */
  const open = async (path: string, shows: string): Promise<void> => {
    await page.goto(`${origin}/#/${path}`);
    await page.locator(shows).first().waitFor();
    await wait(400);
  };
  /** A group of the middle of the run in which some rollouts were right and some were not. */
  const openMixedGroup = async (): Promise<void> => {
    for (let group = 0; group < GROUPS; group += 1) {
      await open(`runs/${run}/groups/${Math.floor(steps / 2)}/${group}`, 'a[href^="#/trajectories/"]');
      const rewards = (await page.locator("main").textContent()) ?? "";
      if (/mean 1\.00/.test(rewards) && /mean 0\.00/.test(rewards)) return;
    }
  };
  await page.goto(`${origin}/#token=${TOKEN}`);
  const field = page.getByLabel("Question");
  await field.fill(QUESTION.slice(0, 17));
  await take(0.7);
  await field.fill(QUESTION);
  await take(1);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.locator("section[aria-busy]").waitFor();
  await take(0.7);
  await page.locator('section[aria-busy="false"]').waitFor();
  await take(2.6);
  await page.mouse.wheel(0, 420);
  await wait(300);
  await take(2);
  await open(`runs/${run}`, "text=Tool mix");
  await take(3);
  await openMixedGroup();
  await take(2.6);
  const rollout = page.locator('a[href^="#/trajectories/"]').first();
  await rollout.click();
  await page.getByRole("heading", { name: "Memory as it grew" }).waitFor();
  await wait(400);
  await take(2.6);
  await open(`compare?left=${run}:before&right=${run}:after`, "main table");
  await take(4);
  const picture = slideShow(slides, {
    width,
    height,
    label: "The dashboard: a question while it is answered, a run, a group of rollouts, a trajectory, a comparison",
  });
  const bytes = Buffer.byteLength(picture);
  if (bytes > MOST_BYTES) throw new Error(`The picture has ${bytes} bytes: at most ${MOST_BYTES}. Show less.`);
  writeFileSync(join(root, "docs/dashboard.svg"), picture);
  console.log(`docs/dashboard.svg: ${bytes} bytes, ${slides.length} slides of the run ${run}, ${steps} steps`);
} finally {
  await browser.close();
  server.kill();
}
