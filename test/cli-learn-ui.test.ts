import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { openLearnUi } from "../src/cli/learn-ui.ts";
import { learn } from "../src/learn/learn.ts";
import { leverEnvironment } from "../src/testing/index.ts";
import { leverEngine, quick, tempFolder } from "./learn-double.ts";

it("shows a run beside it, stops it from the page, and lets it be when the page is gone", {
  timeout: 300_000,
}, async () => {
  const folder = await tempFolder();
  const stop = new AbortController();
  const stopped: boolean[] = [];
  const failures: string[] = [];
  let page: string | undefined;
  const ui = openLearnUi({
    folder,
    onOpen: (address) => {
      page = address;
    },
    onFailure: (why) => void failures.push(why),
    onStop: (now) => {
      stopped.push(now);
      stop.abort();
    },
  });
  while (page === undefined && failures.length === 0) await wait(50);
  expect(failures).toEqual([]);
  const { origin, hash } = new URL(page ?? "");
  const headers = { authorization: `Bearer ${hash.replace("#token=", "")}`, "content-type": "application/json" };
  const settings = { environment: leverEnvironment(), recipe: quick, folder, planner: leverEngine() };
  const run = learn({ ...settings, seed: 3, steps: 20_000, evalTasks: 4, stopSignal: stop.signal });
  let id = "";
  let asked: Promise<Response> | undefined;
  for await (const event of run) {
    ui.show(event);
    if (event.type === "run-start") id = event.run;
    if (event.type !== "step-end" || asked !== undefined) continue;
    const { current } = (await (await fetch(`${origin}/api/about`, { headers })).json()) as { current: string | null };
    if (current === id) asked = fetch(`${origin}/api/runs/${id}/stop`, { method: "POST", headers, body: "{}" });
  }
  expect((await asked)?.status).toBe(200);
  expect(stopped).toEqual([false]);
  const { interrupted, stepsDone } = await run.report;
  expect(interrupted).toBe(true);
  const { state } = (await (await fetch(`${origin}/api/runs/${id}`, { headers })).json()) as { state: string };
  expect(state).toBe("interrupted");
  const { steps } = (await (await fetch(`${origin}/api/runs/${id}/metrics`, { headers })).json()) as {
    steps: object[];
  };
  expect(steps).toHaveLength(stepsDone);
  ui.close();
  // Its process ends with the run; what is shown then goes nowhere.
  ui.show({ type: "stage", stage: "over" });
  for (
    let i = 0;
    i < 200 &&
    (await fetch(origin).then(
      () => true,
      () => false,
    ));
    i += 1
  )
    await wait(50);
  await expect(fetch(origin)).rejects.toThrow();
  expect(failures).toEqual([]);
});

it("tells an open page how the run ended before it goes", { timeout: 300_000 }, async () => {
  const folder = await tempFolder();
  const failures: string[] = [];
  let page: string | undefined;
  const ui = openLearnUi({
    folder,
    onOpen: (address) => {
      page = address;
    },
    onFailure: (why) => void failures.push(why),
    onStop: () => undefined,
  });
  while (page === undefined && failures.length === 0) await wait(50);
  const { origin, hash } = new URL(page ?? "");
  const headers = { authorization: `Bearer ${hash.replace("#token=", "")}` };
  const run = learn({
    environment: leverEnvironment(),
    recipe: quick,
    folder,
    planner: leverEngine(),
    seed: 3,
    steps: 4,
  });
  let followed: Response | undefined;
  for await (const event of run) {
    ui.show(event);
    if (event.type === "run-start") {
      const { run: id } = event;
      // What this process tells the other one comes there after a while.
      while (((await (await fetch(`${origin}/api/about`, { headers })).json()) as { current: unknown }).current !== id)
        await wait(20);
      followed = await fetch(`${origin}/api/runs/${id}/events`, { headers });
    }
  }
  expect(ui.close()).toBe(true);
  expect(await followed?.text()).toMatch(/event: finish\n.*\n\n$/);
  expect(failures).toEqual([]);
});
