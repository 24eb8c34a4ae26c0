import { describe, expect, it } from "vitest";
import { clientOf, quickClock, serverInProcess, tabularEngine, withRestarts } from "../../../test/fixtures/tinker.ts";
import type { Engine, Policy, TrainingSequence } from "../../engine.ts";
import { EngineError } from "../../errors.ts";
import type { HttpRequest, HttpResponse, Transport } from "./http.ts";

const SEQUENCES: readonly TrainingSequence[] = [
  { ids: [1, 2, 3, 4], targets: [1, 2, 3] },
  { ids: [1, 2, 9, 8, 7, 6], targets: [3, 5] },
];
const STEPS = 2;

/** Trains as a run does: each step published and its state kept. Resumes from what was kept. */
const train = async (policy: Policy, disk: { step: number; state: Uint8Array | undefined }): Promise<void> => {
  if (disk.state !== undefined) await policy.importState(disk.state);
  for (let step = disk.step; step < STEPS; step += 1) {
    await policy.backward(SEQUENCES, [Float32Array.of(1, -0.5, 0.25), Float32Array.of(-0.75, step + 1)]);
    await policy.backward(SEQUENCES.slice(0, 1), [Float32Array.of(0, 0.125, 0)]);
    await policy.optimStep({ learningRate: 0.1, gradientClip: 0 });
    await policy.publish();
    const state = await policy.exportState();
    Object.assign(disk, { step: step + 1, state });
  }
};
const weightsOf = async (policy: Policy): Promise<readonly (readonly number[])[]> =>
  (await policy.forward(SEQUENCES)).logProbs.map((values) => [...values]);

/** A run of training, with requests that go wrong in `transport`, and the weights that it ends with. */
const outcome = async (transport: Transport): Promise<readonly (readonly number[])[]> => {
  const engine = await clientOf(transport, { clock: quickClock(), patienceSeconds: 30_000 });
  try {
    const policy = engine.policy("planner", { lora: { rank: 4 } });
    await train(policy, { step: 0, state: undefined });
    return await weightsOf(policy);
  } finally {
    await engine.dispose();
  }
};

const answer = (status: number, body: object, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: new TextEncoder().encode(JSON.stringify(body)),
});
const isPoll = ({ path }: HttpRequest): boolean => path.endsWith("retrieve_future");

type Fault = (request: HttpRequest, send: Transport, times: number) => Promise<HttpResponse>;
const status =
  (code: number, headers?: Record<string, string>): Fault =>
  async () =>
    answer(code, { detail: "out of order for a moment" }, headers);

/** What goes wrong with one request (and, `times` in a row, with its repetitions). Those that only a poll meets say so. */
const faults: Readonly<Record<string, { readonly fault: Fault; readonly polls?: true; readonly times?: number }>> = {
  "408": { fault: status(408), times: 3 },
  "409": { fault: status(409), times: 3 },
  "425": { fault: status(425), times: 3 },
  "429": { fault: status(429), times: 2 },
  "429 with Retry-After": { fault: status(429, { "retry-after": "7" }), times: 2 },
  "500": { fault: status(500), times: 3 },
  "503": { fault: status(503), times: 3 },
  "402": { fault: status(402) },
  "400 of a proxy": { fault: status(400), polls: true, times: 3 },
  "410": { fault: status(410), polls: true, times: 2 },
  "404 of a result": { fault: async () => answer(404, { detail: "Future not found" }), polls: true },
  try_again: {
    fault: async () => answer(200, { type: "try_again", request_id: "x", queue_state: "paused_capacity" }),
    polls: true,
    times: 3,
  },
  "metadata first": {
    fault: async () => answer(200, { status: "complete_metadata", response_payload_size: 9 }),
    polls: true,
  },
  "dropped before it is executed": {
    fault: async () => {
      throw new Error("connect ECONNRESET");
    },
    times: 2,
  },
  "dropped after it was executed": {
    fault: async (request, send) => {
      await send(request);
      throw new Error("socket hang up");
    },
    times: 2,
  },
  "sent twice": {
    fault: async (request, send) => {
      await send(request);
      return send(request);
    },
  },
};

/** Requests of a run that nothing disturbs, without its signs of life, which come by the clock. */
const counted = (path: string): boolean => !/session_heartbeat|finish|unload_model|healthz/.test(path);

describe("a run at a server that fails", () => {
  it("ends with the weights of an undisturbed one, whatever happens to any one request", {
    timeout: 300_000,
  }, async () => {
    const server = serverInProcess();
    let requests = 0;
    const undisturbed = await outcome((request) => {
      if (counted(request.path)) requests += 1;
      return server.handle(request);
    });
    expect(requests).toBeGreaterThan(25);
    expect(undisturbed[0]?.[0]).not.toBeCloseTo((undisturbed[0] ?? [])[1] ?? 0, 3);
    let met = 0;
    // Each request meets a quarter of the faults, and each fault a quarter of the requests.
    for (const [f, [name, { fault, polls, times = 1 }]] of Object.entries(faults).entries())
      for (let at = f % 4; at < requests; at += 4) {
        const faulty = serverInProcess();
        let n = -1;
        let left = times;
        const weights = await outcome((request) => {
          if (counted(request.path)) n += 1;
          const here = n >= at && counted(request.path) && left > 0 && (!polls || isPoll(request));
          if (!here) return faulty.handle(request);
          left -= 1;
          met += 1;
          return fault(request, faulty.handle, left);
        });
        expect([name, at, weights]).toEqual([name, at, undisturbed]);
      }
    expect(met).toBeGreaterThan((requests * Object.keys(faults).length) / 4);
  });

  it("survives a restart of the server, with its checkpoints, between any two requests", async () => {
    const { undisturbed, restarted } = await withRestarts(outcome, counted);
    expect(restarted.length).toBeGreaterThan(10);
    for (const one of restarted) expect(one).toEqual({ ...one, result: undisturbed });
  });

  it("says that a checkpoint is gone when the server comes back without any", async () => {
    let server = serverInProcess();
    const engine = await clientOf((request) => server.handle(request), { clock: quickClock() });
    const policy = engine.policy("planner", { lora: { rank: 4 } });
    await train(policy, { step: 0, state: undefined });
    server = serverInProcess();
    await expect(policy.forward(SEQUENCES)).rejects.toThrow(/There is no checkpoint tinker:/);
    await engine.dispose();
  });

  it("ends in words when the server stays away", async () => {
    const server = serverInProcess();
    let away = false;
    const engine = await clientOf(
      async (request) => {
        if (away) throw new Error("connect ECONNREFUSED");
        return server.handle(request);
      },
      { clock: quickClock(), patienceSeconds: 30 },
    );
    const policy = engine.policy("planner", { lora: { rank: 4 } });
    away = true;
    await expect(policy.forward(SEQUENCES)).rejects.toThrow(/did not succeed within 30 s.*Is the server running/);
    await expect(policy.forward(SEQUENCES)).rejects.toBeInstanceOf(EngineError);
    away = false;
    expect((await policy.forward(SEQUENCES)).logProbs).toHaveLength(2);
    await engine.dispose();
  });
});

describe("a client that is killed", () => {
  it("is resumed to the weights of an undisturbed run, wherever it died", async () => {
    const plain = serverInProcess();
    let requests = 0;
    const undisturbed = await outcome((request) => {
      if (counted(request.path)) requests += 1;
      return plain.handle(request);
    });
    for (let at = 0; at < requests; at += 1) {
      const server = serverInProcess({ engine: tabularEngine(), models: 64 });
      const disk: { step: number; state: Uint8Array | undefined } = { step: 0, state: undefined };
      let n = -1;
      let die: () => void = () => undefined;
      const death = new Promise<void>((resolve) => {
        die = resolve;
      });
      const dying: Transport = (request) => {
        if (counted(request.path)) n += 1;
        if (n < at) return server.handle(request);
        die();
        return new Promise(() => undefined);
      };
      const first = clientOf(dying, { clock: quickClock() });
      const live = first.then((engine: Engine) => train(engine.policy("planner", { lora: { rank: 4 } }), disk));
      await Promise.race([death, live]);
      const second = await clientOf(server.handle, { clock: quickClock() });
      const policy = second.policy("planner", { lora: { rank: 4 } });
      await train(policy, disk);
      expect([at, await weightsOf(policy)]).toEqual([at, undisturbed]);
      await second.dispose();
    }
  });
});
