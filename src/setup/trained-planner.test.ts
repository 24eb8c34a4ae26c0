import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { trainedPlanner, turnsOf } from "./trained-planner.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "agentflow-trained-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const run = async (id: string, config: object, report?: object, weights = true): Promise<void> => {
  await mkdir(join(root, id, ...(weights ? ["weights"] : [])), { recursive: true });
  await writeFile(join(root, id, "config.json"), JSON.stringify({ schemaVersion: 1, config }));
  if (report !== undefined)
    await writeFile(join(root, id, "report.json"), JSON.stringify({ schemaVersion: 1, ...report }));
};

it("is the newest finished run of the same environment, or what the package ships", async () => {
  expect(await trainedPlanner(join(root, "none"), undefined)).toMatchObject({ name: "agentflow-tiny-trained" });
  await run("2026-01-01-0000-aaaa", { almanac: "a" }, { stepsDone: 40 });
  await run("2026-01-02-0000-aaaa", { almanac: "a" }, { stepsDone: 60 });
  await run("2026-01-03-0000-aaaa", { almanac: "a" });
  await run("2026-01-04-0000-aaaa", { almanac: "a" }, { stepsDone: 80 }, false);
  await run("2026-01-05-0000-aaaa", { project: "agentflow.config.ts", projectSha256: "p" }, { stepsDone: 9 });
  await run("2026-01-06-0000-aaaa", { command: "solve" });
  await run("2026-01-07-0000-aaaa", { almanac: "a" }, { stepsDone: 0 });
  await mkdir(join(root, "2026-01-08-0000-aaaa"));
  await writeFile(join(root, "2026-01-08-0000-aaaa", "config.json"), "{");
  expect(await trainedPlanner(root, undefined)).toEqual({
    name: join(root, "2026-01-02-0000-aaaa"),
    why: `${join(root, "2026-01-02-0000-aaaa")}, the newest run here, trained in 60 steps`,
    turns: 6,
  });
  const path = "/projects/shop/agentflow.config.ts";
  const learnt = join(root, "2026-01-05-0000-aaaa");
  expect(await trainedPlanner(root, { path, hash: "p" })).toMatchObject({
    name: learnt,
    why: expect.stringMatching(/9 steps$/),
  });
  const changed = await trainedPlanner(root, { path, hash: "q" });
  expect(changed).toMatchObject({
    name: learnt,
    why: expect.stringMatching(/9 steps before agentflow\.config\.ts was changed$/),
  });
  expect((await trainedPlanner(root, { path: "/projects/shop/other.ts", hash: "p" })).name).toBe("agentflow-tiny");
});

it("the turns that a planner knows go with it, however it is named", async () => {
  await run("2026-01-02-0000-aaaa", { almanac: "a" }, { stepsDone: 60 });
  await run("2026-01-05-0000-aaaa", { project: "agentflow.config.ts", projectSha256: "p" }, { stepsDone: 9 });
  const names = [
    "agentflow-tiny-trained",
    join(root, "2026-01-02-0000-aaaa"),
    join(root, "2026-01-05-0000-aaaa"),
    "none",
  ];
  expect(await Promise.all(names.map(turnsOf))).toEqual([6, 6, undefined, undefined]);
});
