/**
 * The page that learns, as it is built, in headless Chromium without a network: three seeds from at most 30 % to at least
 * 75 % of the unseen tasks within 90 seconds each, the control with shuffled rewards far below, at most 15 MB transferred,
 * and the same weights for the same seed. Prints what it measures; exits 1 where a promise is broken.
 *
 *   npm run check:demo
 */
import { chromiumPath } from "./chromium.ts";
import { openDemo } from "./demo/page.ts";

const SEEDS = [1, 2, 3];
const MOST = { before: 30, seconds: 90, bytes: 15e6, control: 45 };
const LEAST = 75;
const RUN_LIMIT = 1_800_000;

const browser = chromiumPath();
if (browser === undefined) {
  console.error("There is no Chromium here: apt-get install chromium, or name it in CHROMIUM_PATH.");
  process.exit(2);
}

interface Measured {
  readonly before: number;
  readonly after: number;
  readonly n: number;
  /** Each measurement of the run in percent, from the first to the last. */
  readonly curve: readonly number[];
  readonly seconds: number;
  /** Processor time of the browser in that time: what a busy machine does besides is not in it. */
  readonly processor: number;
  readonly version: string;
  readonly solved: boolean;
  readonly bytes: number;
}

/** One run in a browser of its own: loaded, taken offline, reloaded, learnt. */
const measure = async (seed: number, shuffled: boolean): Promise<Measured> => {
  await using tab = await openDemo(browser);
  const { page } = tab;
  page.setDefaultTimeout(RUN_LIMIT);
  const hash = `#seed=${seed}${shuffled ? "&shuffled=1" : ""}`;
  await page.goto(tab.address + hash);
  await page.waitForSelector(".answer strong");
  await page.evaluate("navigator.serviceWorker.ready.then(() => true)");
  await tab.goOffline();
  await page.reload();
  await page.waitForSelector('main[data-phase="ready"]');
  const loaded = tab.processorSeconds() ?? Number.NaN;
  await page.click("button.primary");
  await page.waitForSelector('main[data-phase="learnt"]');
  const processor = (tab.processorSeconds() ?? Number.NaN) - loaded;
  const label = (await page.getAttribute(".curve svg", "aria-label")) ?? "";
  const points = [...label.matchAll(/steps (\d+) % of (\d+)/g)].map(([, percent, n]) => [Number(percent), Number(n)]);
  return {
    before: points[0]?.[0] ?? Number.NaN,
    after: points.at(-1)?.[0] ?? Number.NaN,
    n: points.at(-1)?.[1] ?? 0,
    curve: points.map(([percent = Number.NaN]) => percent),
    seconds: Number(await page.getAttribute("main", "data-seconds")),
    processor,
    version: (await page.getAttribute("main", "data-version")) ?? "",
    solved: (await page.getAttribute(".answer", "data-right")) === "true",
    bytes: tab.transferred(),
  };
};

const problems: string[] = [];
const expect = (holds: boolean, words: string): void => {
  if (!holds) problems.push(words);
};
const show = (name: string, { before, after, n, curve, seconds, processor, bytes, version, solved }: Measured): void =>
  console.log(
    `${name}: ${before} % -> ${after} % of ${n} unseen tasks (${curve.join(", ")}), ${seconds.toFixed(1)} s (${processor.toFixed(1)} s of processor), ${(bytes / 1e6).toFixed(2)} MB, first question ${solved ? "solved" : "not solved"}, weights ${version.slice(0, 12)}`,
  );

const only = process.argv.includes("--quick");
let firstVersion = "";
for (const seed of only ? SEEDS.slice(0, 1) : SEEDS) {
  const run = await measure(seed, false);
  show(`seed ${seed}`, run);
  firstVersion ||= run.version;
  expect(run.before <= MOST.before, `seed ${seed} begins at ${run.before} %, above ${MOST.before} %`);
  expect(run.after >= LEAST, `seed ${seed} ends at ${run.after} %, below ${LEAST} %`);
  expect(run.seconds <= MOST.seconds, `seed ${seed} takes ${run.seconds.toFixed(1)} s, more than ${MOST.seconds} s`);
  expect(run.bytes <= MOST.bytes, `${run.bytes} bytes are transferred, more than ${MOST.bytes}`);
  expect(run.solved, `seed ${seed} does not solve the first question`);
}
if (!only) {
  const again = await measure(SEEDS[0] ?? 1, false);
  show("seed 1 again", again);
  expect(again.version === firstVersion, "the same seed gives other weights");
  const control = await measure(SEEDS[0] ?? 1, true);
  show("shuffled rewards", control);
  expect(control.after <= MOST.control, `the control ends at ${control.after} %, above ${MOST.control} %`);
}
for (const problem of problems) console.error(`broken: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
