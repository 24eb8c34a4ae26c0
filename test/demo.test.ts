import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { families, recognise, reward, taskAt, tasks } from "../examples/archipelago/questions.ts";
import { world } from "../examples/archipelago/world.ts";
import { chromiumPath } from "../scripts/chromium.ts";
import { type DemoTab, openDemo } from "../scripts/demo/page.ts";
import { readModelFolder } from "../src/engines/onnx/files/checkpoint.ts";
import { createHash as browserHash } from "../web/demo/src/node/crypto.ts";

const root = join(import.meta.dirname, "..");
const browser = chromiumPath();
if (browser === undefined)
  process.stderr.write("demo: no Chromium here (apt-get install chromium): the page is not tested\n");

/** A short run: enough to see that it learns, whatever the machine does besides. */
const STEPS = 16;
const TASKS = 96;

describe("questions about the archipelago", () => {
  it("measures on questions that name nobody whom a training question names", () => {
    const namesIn = (questions: readonly { readonly question: string }[]): Set<string> => {
      const all = Object.values(world).flatMap((table) => [...table.keys()]);
      return new Set(all.filter((name) => questions.some(({ question }) => question.includes(name))));
    };
    const trained = namesIn(Array.from({ length: 800 }, (_, i) => taskAt("train", 7, i)));
    const unseen = namesIn(tasks("unseen", 0, 200));
    expect([...unseen].filter((name) => trained.has(name))).toEqual([]);
    expect(unseen.size).toBeGreaterThan(30);
  });

  it("knows the answer to its own questions, and to no others", () => {
    for (const task of tasks("unseen", 3, 3 * families.length)) {
      expect(recognise(task.question)?.sealed.answer).toBe(task.sealed.answer);
      expect(reward(task, task.sealed.answer)).toBe(1);
    }
    expect(recognise("How many seats does the Titanic have?")).toBeUndefined();
  });
});

it("hashes in the page as Node does", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) % 256);
    const expected = createHash("sha256").update("weights").update(bytes).digest("hex");
    expect(browserHash("sha256").update("weights").update(bytes).digest("hex")).toBe(expected);
  }
});

it("ships the files that its manifest lists", async () => {
  await readModelFolder(join(root, "web/demo/public/planner"));
});

describe.skipIf(browser === undefined)("the page in Chromium", () => {
  let tab: DemoTab;
  const errors: string[] = [];
  beforeAll(async () => {
    execFileSync(process.execPath, ["--import", "tsx", "scripts/build-demo.ts"], { cwd: root, stdio: "ignore" });
    tab = await openDemo(browser ?? "");
    tab.page.on("pageerror", ({ message }) => errors.push(message));
    await tab.page.goto(`${tab.address}?steps=${STEPS}&tasks=${TASKS}`);
    await tab.page.waitForSelector(".answer strong");
  }, 120_000);
  afterAll(() => tab[Symbol.asyncDispose]());

  const measuredIn = async (): Promise<readonly { readonly step: number; readonly percent: number }[]> => {
    const label = await tab.page.getAttribute(".curve svg", "aria-label");
    return [...(label ?? "").matchAll(/after (\d+) steps (\d+) %/g)].map(([, step, percent]) => ({
      step: Number(step),
      percent: Number(percent),
    }));
  };

  it("can be read by everybody", async () => {
    await tab.page.addScriptTag({ path: join(root, "node_modules/axe-core/axe.min.js") });
    const violations = (await tab.page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))",
    )) as readonly string[];
    expect(violations).toEqual([]);
  });

  it("fails at first, learns without a network, and gives its planner to the command line", async () => {
    expect(await tab.page.getAttribute(".answer", "data-right")).toBe("false");
    await tab.page.evaluate("navigator.serviceWorker.ready.then(() => true)");
    await tab.goOffline();
    await tab.page.reload();
    await tab.page.waitForSelector('main[data-phase="ready"]');

    await tab.page.click("button.primary");
    await tab.page.waitForFunction("Number(document.querySelector('main').dataset.step) >= 2");
    await tab.page.click("button.primary");
    await tab.page.waitForSelector('main[data-phase="paused"]');
    await tab.page.click("button.primary");
    await tab.page.waitForSelector('main[data-phase="learnt"]');

    const measured = await measuredIn();
    const [before, after] = [measured[0]?.percent ?? Number.NaN, measured.at(-1)?.percent ?? Number.NaN];
    const seconds = Number(await tab.page.getAttribute("main", "data-seconds"));
    process.stderr.write(
      `demo: ${before} % -> ${after} % of ${TASKS} unseen tasks in ${STEPS} steps, ${seconds.toFixed(1)} s, ${(tab.transferred() / 1e6).toFixed(2)} MB\n`,
    );
    expect(before).toBeLessThanOrEqual(30);
    expect(after).toBeGreaterThanOrEqual(before + 12);
    expect(tab.transferred()).toBeLessThan(15e6);
    expect(errors).toEqual([]);

    const download = tab.page.waitForEvent("download");
    await tab.page.click("text=Download planner");
    const zip = readFileSync(await (await download).path());
    const folder = mkdtempSync(join(tmpdir(), "demo-planner-"));
    try {
      for (const [name, content] of Object.entries(unzipSync(zip))) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), content);
      }
      const { about } = await readModelFolder(join(folder, "planner"));
      expect(about).toMatchObject({
        version: await tab.page.getAttribute("main", "data-version"),
        seed: 1,
        steps: STEPS,
      });
      expect(existsSync(join(folder, "planner/manifest.json"))).toBe(true);
      const [question] = tasks("unseen", 0, 1);
      const solve = ["solve", question?.question ?? "", "--config", "examples/archipelago/agentflow.config.ts"];
      const out = execFileSync(
        process.execPath,
        ["--import", "tsx", "src/cli/main.ts", ...solve, "--policy", join(folder, "planner"), "--no-store", "--json"],
        { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
      );
      expect(JSON.parse(out)).toMatchObject({ answer: question?.sealed.answer });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
