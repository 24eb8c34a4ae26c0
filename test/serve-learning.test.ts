import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Task } from "agentflow";
import { type LearningStatus, type ListeningServer, serveLearning, type TrialOptions } from "agentflow/server";
import { leverPolicy } from "agentflow/testing";
import { afterEach, describe, expect, it } from "vitest";
import { leverFlow, leverReward, leverTasks } from "./lever-world.ts";
import { ask, closeServers, scratchFolder, serveForTest, TOKEN } from "./serve-double.ts";

afterEach(closeServers);

type Lever = { readonly answer: string };
const [red, green] = leverTasks as [Task<Lever>, Task<Lever>];

interface Answered {
  readonly agentflow: {
    readonly trajectory: string;
    readonly policy: string;
    readonly arm: string;
    readonly answer: string | null;
  };
}

const learningServer = async (
  changes: {
    readonly gate?: readonly Task<Lever>[];
    readonly trial?: Partial<TrialOptions>;
    readonly folder?: string;
  } = {},
) => {
  const policy = leverPolicy();
  const flow = leverFlow(policy);
  const saved: object[] = [];
  const learning = serveLearning<Lever>({
    online: {
      flow,
      train: [policy],
      reward: leverReward,
      gate: { tasks: changes.gate ?? [red, green], tolerance: 1 },
      learningRate: 0.4,
      stepsPerRound: 12,
      guard: { klStep: 0.25 },
      seed: 5,
    },
    every: 12,
    trial: { share: 0.5, seconds: 60, ...changes.trial },
    save: async (versions) => void saved.push(versions),
  });
  const server = await serveForTest({
    flows: { levers: { flow, policies: [policy], learning } },
    folder: changes.folder ?? scratchFolder(),
  });
  return { server, learning, policy, saved };
};

const chat = async (server: ListeningServer, question: string, user?: string, model = "levers") => {
  const response = await ask(server, "/v1/chat/completions", {
    model,
    messages: [{ role: "user", content: question }],
    ...(user !== undefined && { user }),
  });
  const { agentflow } = (await response.json()) as Answered;
  expect(response.headers.get("x-agentflow-policy")).toBe(agentflow.policy);
  return agentflow;
};

/** Asks about red, and says whether that was right. */
const judged = async (server: ListeningServer, user?: string) => {
  const answered = await chat(server, red.question, user);
  if (answered.answer === null) return answered;
  const { status } = await ask(server, "/api/feedback", {
    trajectory: answered.trajectory,
    thumbs: answered.answer === red.sealed.answer ? "up" : "down",
    reason: "I tried the door.",
  });
  expect(status).toBe(200);
  return answered;
};

const statusOf = async (server: ListeningServer): Promise<LearningStatus> =>
  (await (await ask(server, "/api/learning/levers")).json()) as LearningStatus;

describe("feedback changes behaviour", () => {
  it("end to end: an answer, feedback, learning, a trial, promotion, the new answer, and back to the bit", async () => {
    const { server, learning, policy, saved } = await learningServer();
    const first = policy.version;
    for (let i = 0; i < 200 && (await statusOf(server)).state === "idle"; i += 1) await judged(server, `person-${i}`);
    const arms = new Map<string, Set<string>>();
    for (let i = 0; (await statusOf(server)).history.length === 0; i += 1) {
      const { arm, policy: hash } = await judged(server, `person-${i % 40}`);
      arms.set(arm, (arms.get(arm) ?? new Set()).add(hash));
    }
    await learning.settled();
    const { history, serving, previous, candidate, state } = await statusOf(server);
    expect(history).toMatchObject([{ round: 1, end: "promote", policy: serving }]);
    expect(history[0]?.evidence?.gate.within.strength).toBeGreaterThanOrEqual(100);
    expect([previous, candidate, state]).toEqual([first, null, "idle"]);
    expect(serving).not.toBe(first);
    expect(saved).toEqual([{ planner: serving }]);
    // While it was tried, each arm was one version.
    expect([...(arms.get("serving") ?? [])]).toEqual([first]);
    expect([...(arms.get("candidate") ?? [serving])]).toEqual([serving]);

    const after = await Promise.all(Array.from({ length: 20 }, () => chat(server, red.question)));
    expect(new Set(after.map(({ policy: hash }) => hash))).toEqual(new Set([serving]));
    expect(after.filter(({ answer }) => answer === red.sealed.answer).length).toBeGreaterThanOrEqual(18);
    // The version before can still be asked, by its hash.
    expect(await chat(server, red.question, undefined, `levers@${first.slice(0, 12)}`)).toMatchObject({
      arm: "named",
      policy: first,
    });

    const back = await ask(server, "/api/learning/levers/rollback", {});
    expect(await back.json()).toMatchObject({ serving: first, previous: null });
    expect(policy.version).toBe(first);
    expect((await chat(server, red.question)).policy).toBe(first);
    expect((await ask(server, "/api/learning/levers/rollback", {})).status).toBe(409);
  });

  it("a version that people like less is sent back, and what serves is restored to the bit", async () => {
    // A gate that says nothing, and judgements that turn against the candidate once it is there.
    const { server, learning, policy } = await learningServer({
      gate: [green],
      trial: { tolerance: 1, mostPairs: 16 },
    });
    const first = policy.version;
    for (let i = 0; (await statusOf(server)).state !== "trying"; i += 1) {
      await judged(server, `person-${i}`);
      await wait(5);
    }
    for (let i = 0; (await statusOf(server)).history.length === 0; i += 1) {
      const { trajectory, arm, answer } = await chat(server, red.question, `person-${i}`);
      if (answer !== null) await ask(server, "/api/feedback", { trajectory, reward: arm === "candidate" ? 0 : 1 });
    }
    await learning.settled();
    expect((await statusOf(server)).history).toMatchObject([{ end: "reject" }]);
    expect([policy.version, (await statusOf(server)).serving]).toEqual([first, first]);
  });

  it("a trial is ended by hand: the candidate goes", async () => {
    const { server, policy } = await learningServer({ gate: [green], trial: { mostPairs: 1 } });
    const first = policy.version;
    for (let i = 0; (await statusOf(server)).state !== "trying"; i += 1) {
      await judged(server, `person-${i}`);
      await wait(5);
    }
    expect(
      ((await (await ask(server, "/v1/models")).json()) as { data: { state: string }[] }).data.map(
        ({ state }) => state,
      ),
    ).toEqual(["flow", "serving", "candidate"]);
    await ask(server, "/api/learning/levers/rollback", {});
    expect(await statusOf(server)).toMatchObject({ serving: first, candidate: null, history: [{ end: "stopped" }] });
    expect(policy.version).toBe(first);
  });

  it("judgements outlive the server", async () => {
    const folder = scratchFolder();
    const { server } = await learningServer({ folder });
    const { trajectory } = await judged(server);
    await server.close();
    const [row] = readFileSync(join(folder, server.run, "feedback.jsonl"), "utf8")
      .trim()
      .split("\n");
    expect(JSON.parse(row ?? "")).toMatchObject({
      trajectory,
      reason: "I tried the door.",
      query: { question: red.question },
    });
    const again = await learningServer({ folder });
    expect(await statusOf(again.server)).toMatchObject({ waiting: 1 });
  });
});

describe("feedback", () => {
  it("keeps no secret of the server in a person's reason", async () => {
    const folder = scratchFolder();
    const { server } = await learningServer({ folder });
    const { trajectory } = await judged(server, "somebody");
    const said = await ask(server, "/api/feedback", { trajectory, thumbs: "up", reason: `My token is ${TOKEN}.` });
    expect(said.status).toBe(200);
    const kept = readFileSync(join(folder, server.run, "feedback.jsonl"), "utf8");
    expect(kept).not.toContain(TOKEN);
    expect(kept).toContain("My token is [redacted].");
  });

  it("is refused for what is not known, has no answer, or says two things", async () => {
    const { server } = await learningServer();
    const { trajectory } = await judged(server, "somebody");
    for (const [body, status, words] of [
      [{ trajectory: "none", reward: 1 }, 404, /not known/],
      [{ trajectory, reward: 1.5 }, 400, /reward/],
      [{ trajectory }, 400, /either reward/],
      [{ trajectory, reward: 1, thumbs: "down" }, 400, /either reward/],
      [{ trajectory, thumbs: "sideways" }, 400, /thumbs/],
      [{ trajectory, reward: 1, other: 1 }, 400, /other/],
    ] as const) {
      const response = await ask(server, "/api/feedback", body);
      expect(response.status).toBe(status);
      expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(words);
    }
  });
});
