import { expect, it } from "vitest";
import { checkNewUser } from "../scripts/check-new-user.ts";

it("goes from an empty folder to a planner that was trained on the project's own tasks", {
  timeout: 900_000,
}, async () => {
  const said: string[] = [];
  // A few steps show that everything works; `npm run check:new-user` shows that it learns.
  const small = { n: 1, seed: 7, steps: 6, coldStart: 60, evalTasks: 12, leastGain: -1 };
  const { failed, problems, gains } = await checkNewUser({ ...small, say: (line) => said.push(line) });
  expect(problems).toEqual([]);
  expect(failed).toBe(0);
  expect(gains).toHaveLength(1);
});
