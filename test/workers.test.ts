import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { learn } from "agentflow/learn";
import { leverEnvironment } from "agentflow/testing";
import { localQueue, natsQueue } from "agentflow/workers";
import { afterAll, describe, expect, it } from "vitest";
import type { LearnEvent } from "../src/learn/event.ts";
import { leverEngine, quick, readRun, tempFolder } from "./learn-double.ts";

const root = await tempFolder();
const environment = leverEnvironment();
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

const worker = (address: string, ...args: readonly string[]): ChildProcess => {
  const file = join(import.meta.dirname, "fixtures/worker.ts");
  const child = spawn(process.execPath, ["--import", "tsx", file, address, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
};
const rowsOf = (folder: string): Promise<readonly string[]> =>
  Promise.all(
    ["metrics.jsonl", "trajectories.jsonl", "digests.jsonl", "weights/planner/manifest.json"].map((name) =>
      readFile(join(folder, name), "utf8").catch(() => ""),
    ),
  );

describe("a run with workers", () => {
  it("survives one that is killed in the midst of a group, to the bits of a run without", {
    timeout: 120_000,
  }, async () => {
    const options = { environment, recipe: quick, folder: root, seed: 3 };
    const alone = await readRun(learn({ ...options, planner: leverEngine() }));
    const undisturbed = await rowsOf(join(root, alone.report.run));

    let folder = "";
    const lost: string[] = [];
    const flag = join(root, "training");
    let living: ChildProcess | undefined;
    const onEvent = (event: LearnEvent): void => {
      if (event.type === "run-start") folder = event.folder;
      if (event.type === "stage" && event.stage.startsWith("waiting for workers")) {
        const dying = worker(folder, "dying", flag);
        dying.stdout?.setEncoding("utf8").on("data", (said: string) => {
          living ??= worker(folder, "living");
          if (said.includes("hanging")) dying.kill("SIGKILL");
        });
      }
      if (event.type === "training-start") writeFileSync(flag, "");
      if (event.type === "stage" && event.stage.includes("is gone")) lost.push(event.stage);
    };
    const queue = localQueue({ leaseSeconds: 4 });
    const { report } = await readRun(learn({ ...options, planner: leverEngine(), queue }), onEvent);
    expect(lost[0]).toMatch(/^the worker dying is gone: [12] solves are done again$/);
    expect(await rowsOf(folder)).toEqual(undisturbed);
    expect(report).toMatchObject({ after: alone.report.after });
    const timings = (await readFile(join(folder, "timings.jsonl"), "utf8")).trim().split("\n");
    const made = timings.map((line) => JSON.parse(line)).filter(({ step }) => step !== undefined);
    const { tasksPerStep, groupSize } = quick.grpo;
    expect(made).toHaveLength(3);
    for (const { step, workers } of made) {
      const ids = Array.from(
        { length: tasksPerStep * groupSize },
        (_, i) => `${step}/${Math.floor(i / groupSize)}/${i % groupSize}`,
      );
      expect(Object.values(workers).flat().sort()).toEqual(ids.sort());
      expect(workers.living.length).toBeGreaterThan(0);
    }
    if (living?.exitCode === null) await once(living, "exit");
    expect(living?.exitCode).toBe(0);
  });

  it("is refused before anything is written where no server of the queue answers", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const folder = await tempFolder();
    const queue = natsQueue({ url: `nats://127.0.0.1:${port}` });
    const { report } = learn({ environment, recipe: quick, folder, seed: 3, planner: leverEngine(), queue });
    await expect(report).rejects.toThrow(`No server of NATS answers at nats://127.0.0.1:${port}`);
    expect(await readdir(folder)).toEqual([]);
  });
});
