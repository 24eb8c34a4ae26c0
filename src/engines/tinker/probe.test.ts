import { describe, expect, it } from "vitest";
import { clientOf, quickClock, serverInProcess, tabularEngine } from "../../../test/fixtures/tinker.ts";
import { ConfigError } from "../../errors.ts";
import type { HttpResponse, Transport } from "./http.ts";
import { checkConformance, type DialectName, probeServer } from "./index.ts";
import { decodeForwardBackward, encodeForwardBackward } from "./wire/forward-backward.ts";
import { floatTensor, numbersOf } from "./wire/tensor.ts";

const at = (transport: Transport) => ({ url: "http://127.0.0.1:1", apiKey: "tml-test", transport });
/** Some tokens are likelier than others: a temperature shows. */
const uneven = () => tabularEngine((prefix) => Array.from({ length: 259 }, (_, id) => (id + prefix.length) % 4));
const jsonIn = ({ body }: HttpResponse): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
const answer = (status: number, json: object): HttpResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: new TextEncoder().encode(JSON.stringify(json)),
});
const withJson = (response: HttpResponse, json: object): HttpResponse => ({
  ...response,
  body: new TextEncoder().encode(JSON.stringify(json)),
});

/** Our server, as one that takes a mask and averages over the sequences of a step, as SkyRL's does. */
const averaging = (): Transport => {
  const server = serverInProcess();
  let counted = 0;
  return async (request) => {
    if (request.path.endsWith("optim_step")) counted = 0;
    if (!request.path.endsWith("forward_backward") || request.body === undefined) return server.handle(request);
    const asked = decodeForwardBackward(request.body);
    if (asked.forwardOnly || asked.loss !== "importance_sampling") return server.handle(request);
    counted += asked.data.length;
    const data = asked.data.map(({ tokens, inputs }) => {
      const { weights, ...others } = Object.fromEntries([...inputs]);
      const mask = weights === undefined ? [] : numbersOf(weights);
      const masked = weights === undefined ? tokens.length : mask.reduce((sum, one) => sum + one, 0);
      const scale = masked * counted;
      const advantages = others.advantages === undefined ? [] : numbersOf(others.advantages).map((a) => a / scale);
      return { tokens, inputs: new Map(Object.entries({ ...others, advantages: floatTensor(advantages) })) };
    });
    return server.handle({ ...request, body: encodeForwardBackward({ ...asked, data }) });
  };
};

describe("a probe", () => {
  it("finds that our server keeps the official semantics", async () => {
    const { dialect, findings, model } = await probeServer(at(serverInProcess({ engine: uneven() }).handle));
    expect([dialect, model]).toEqual(["tinker", "tabular"]);
    expect(findings.filter(({ means }) => means !== "")).toEqual([]);
    const found = Object.fromEntries(findings.map(({ what, found: said }) => [what, said]));
    expect(found).toMatchObject({
      "RL losses take a mask": "no",
      "losses are": "sum",
      "log-probabilities of a prompt": "one a token",
      "log-probabilities of samples are": "of the tempered distribution",
      "old snapshots stay as they were": "yes",
      "requests are executed": "in the order of their numbers",
      "a model is made from a checkpoint": "in one call",
    });
  });

  it("tells a server that averages, and one that it knows no dialect for", async () => {
    const { dialect } = await probeServer(at(averaging()));
    expect(dialect).toBe("skyrl-jax");
    const server = serverInProcess();
    const odd = await probeServer(
      at((request) => {
        if (!request.path.endsWith("forward_backward") || request.body === undefined) return server.handle(request);
        const asked = decodeForwardBackward(request.body);
        // Only the first sequence of a request is trained.
        const data = asked.forwardOnly ? asked.data : asked.data.slice(0, 1);
        return server.handle({ ...request, body: encodeForwardBackward({ ...asked, data }) });
      }),
    );
    expect(odd.dialect).toBeUndefined();
  });

  it("leads to the same weights at both servers", async () => {
    const sequences = [
      { ids: [3, 4, 5, 6, 7], targets: [1, 2, 3, 4] },
      { ids: [9, 8, 7, 6, 5, 4, 3], targets: [4, 6] },
      { ids: [1, 2, 3], targets: [2] },
    ];
    const trained = async (transport: Transport, dialect: DialectName): Promise<readonly Float32Array[]> => {
      const engine = await clientOf(transport, { dialect });
      const policy = engine.policy("planner", { lora: { rank: 4 } });
      for (let step = 0; step < 2; step += 1) {
        await policy.backward(sequences.slice(0, 2), [Float32Array.of(1, 0, -0.5, 0.25), Float32Array.of(-2, 1)]);
        await policy.backward(sequences.slice(2), [Float32Array.of(0.75)]);
        // Few weights of the double have more than one coefficient: of a large epsilon the step has their size.
        await policy.optimStep({ learningRate: 0.1, epsilon: 1, gradientClip: 0 });
      }
      expect(engine.optimiser).toBe(dialect === "tinker" ? undefined : "unclipped");
      const { logProbs } = await policy.forward(sequences);
      await engine.dispose();
      return logProbs;
    };
    const [summed, averaged, wrong] = [
      await trained(serverInProcess().handle, "tinker"),
      await trained(averaging(), "skyrl-jax"),
      await trained(averaging(), "tinker"),
    ];
    const far = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
      Math.max(...a.flatMap((row, i) => [...row].map((value, t) => Math.abs(value - (b[i]?.[t] ?? Number.NaN)))));
    expect(far(averaged, summed)).toBeLessThan(1e-6);
    expect(far(wrong, summed)).toBeGreaterThan(1e-3);
  });

  it("says what went wrong in the midst of it with the address", async () => {
    const server = serverInProcess();
    const failing: Transport = async (request) =>
      request.path.endsWith("create_model") ? answer(500, { detail: "no memory" }) : server.handle(request);
    await expect(probeServer(at(failing))).rejects.toThrow(
      'http://127.0.0.1:1: create_model: the server answered 500, "no memory".',
    );
  });
});

describe("before anything is made at a server", () => {
  it.each([
    [
      "a wrong key",
      () => serverInProcess({ token: "tml-right" }).handle,
      "The key is wrong: http://127.0.0.1:1 answered 401",
    ],
    ["a busy server", () => async () => answer(503, {}), "http://127.0.0.1:1 is busy: it answered 503. Try again"],
    [
      "a page that redirects",
      () => async () => ({ ...answer(302, {}), headers: { location: "/login" } }),
      "http://127.0.0.1:1 is no server of the Tinker API: it answered 302",
    ],
    [
      "a server that answers everything",
      () => async () => ({ status: 200, headers: { "content-type": "text/html" }, body: new Uint8Array([60, 61]) }),
      "http://127.0.0.1:1 is no server of the Tinker API: it answered 200",
    ],
    ["a server without models", () => async () => answer(200, { supported_models: [] }), "has no model tabular"],
  ] as const)("%s is told, by all that look at it", async (_, transport, message) => {
    const asked: string[] = [];
    const handle = transport();
    const noted: Transport = (request) => {
      asked.push(request.path);
      return handle(request);
    };
    for (const look of [probeServer, checkConformance])
      await expect(look({ ...at(noted), model: "tabular" })).rejects.toThrow(message);
    expect(new Set(asked)).toEqual(new Set(["/api/v1/get_server_capabilities"]));
    await expect(clientOf(noted, { patienceSeconds: 1, clock: quickClock() })).rejects.toThrow(
      /http:..127.0.0.1:1|within 1 s/,
    );
  });

  it("a model that is not there is refused with those that are", async () => {
    const { handle } = serverInProcess();
    for (const look of [probeServer, checkConformance]) {
      await expect(look({ ...at(handle), model: "nope" })).rejects.toThrow(ConfigError);
      await expect(look({ ...at(handle), model: "nope" })).rejects.toThrow(
        "http://127.0.0.1:1 has no model nope: accepted are tabular.",
      );
    }
  });
});

describe("the conformance suite", () => {
  it("finds every rule kept by our server", async () => {
    const { rows } = await checkConformance(at(serverInProcess().handle));
    expect(rows.filter(({ kept }) => !kept)).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(28);
  });

  it("finds what another server breaks", async () => {
    const server = serverInProcess();
    let twice = 0;
    const { rows } = await checkConformance(
      at(async (request) => {
        // Snapshots are not told apart, samples are not named, conflicts are 409, numbers are not looked at.
        const response = await server.handle(request);
        if (request.path.endsWith("asample")) {
          const { sample_sequence_ids: _, ...rest } = jsonIn(response);
          return withJson(response, rest);
        }
        if (request.path.endsWith("forward_backward") && response.status === 200) {
          twice += 1;
          const { request_id: id } = jsonIn(response);
          return withJson(response, { request_id: `${id}#${twice}` });
        }
        if (request.path.endsWith("retrieve_future") && response.status === 404 && request.body !== undefined) {
          const asked = new TextDecoder().decode(request.body).replace(/#\d+/, "");
          return server.handle({ ...request, body: new TextEncoder().encode(asked) });
        }
        return response.status === 400 ? { ...response, status: 409 } : response;
      }),
    );
    const broken = rows.filter(({ kept }) => !kept).map(({ rule }) => rule);
    expect(broken).toEqual(
      expect.arrayContaining([
        "samples name their sequences and come with log-probabilities",
        "a training request that comes twice is executed once",
        "a number that is used for another request is 400, never 409",
        "an unknown loss, setting or input is refused in words",
      ]),
    );
    expect(broken).not.toContain("losses are sums over sequences, not means");
    const averaged = (await checkConformance(at(averaging()))).rows.filter(({ kept }) => !kept);
    expect(averaged.map(({ rule }) => rule)).toContain("losses are sums over sequences, not means");
  });
});

describe("what a look at a server leaves", () => {
  it("is nothing", async () => {
    const server = serverInProcess({ engine: uneven() });
    await probeServer(at(server.handle));
    await checkConformance(at(server.handle));
    const listed = await server.handle({ method: "GET", path: "/api/v1/training_runs?limit=100", headers: {} });
    expect(jsonIn(listed)).toMatchObject({ training_runs: [], cursor: { total_count: 0 } });
  });

  it("is a message with address, cause and remedy where nobody listens", async () => {
    const dead = { url: "http://127.0.0.1:9", apiKey: "tml-test" };
    for (const look of [probeServer, checkConformance])
      await expect(look(dead)).rejects.toThrow(
        "http://127.0.0.1:9 cannot be reached: connect ECONNREFUSED 127.0.0.1:9. Start the server, or check its address and port.",
      );
  });
});
