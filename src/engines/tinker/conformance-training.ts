import { type BareAnswer, datumOf, passesOf, TEXT } from "./bare-client.ts";
import {
  backward,
  gradientNorm,
  must,
  near,
  ones,
  plain,
  type Rule,
  requireRefused,
  scaled,
} from "./conformance-trial.ts";
import { decodeForwardBackwardOutput } from "./wire/forward-backward.ts";

/** Rules of sessions, losses and refusals. */
export const trainingRules: readonly Rule[] = [
  [
    "the server says that it is well",
    async ({ client }) => {
      const { status } = await client.send("GET", "healthz");
      must(status === 200, `healthz answered ${status}`);
    },
  ],
  [
    "clients are configured",
    async ({ client }) => {
      const { status, json } = await client.post("client/config", { sdk_version: "0.38.0" });
      must(
        status === 200 && json.pjwt_auth_enabled === false,
        `client/config answered ${status}, ${JSON.stringify(json)}`,
      );
    },
  ],
  [
    "a session lives by its heartbeat, and an unknown one is 404",
    async ({ client, session }) => {
      const beat = (id: string): Promise<BareAnswer> =>
        client.post("session_heartbeat", { session_id: id, type: "session_heartbeat" });
      must((await beat(session)).status === 200, "its heartbeat was refused");
      const { status } = await beat("session-unknown");
      must(status === 404, `an unknown session answered ${status}`);
    },
  ],
  [
    "a model of another name is refused",
    async ({ client, session }) => {
      const answer = await client.post("create_model", {
        session_id: session,
        model_seq_id: 900,
        base_model: "no/such-model",
        lora_config: { rank: 4 },
        type: "create_model",
      });
      if (answer.status === 200) {
        const ended = await client.result(answer);
        must(
          ended === undefined || ended.status >= 400 || ended.json.error !== undefined,
          "it made a model of a base that it does not have",
        );
      }
    },
  ],
  [
    "get_info names the model and its tokenizer",
    async (trial) => {
      const { id } = await trial.model();
      const { json } = await trial.client.post("get_info", { model_id: id, type: "get_info" });
      const data = (json.model_data ?? {}) as Readonly<Record<string, unknown>>;
      must(
        typeof data.model_name === "string" && typeof data.tokenizer_id === "string",
        `it said ${JSON.stringify(data).slice(0, 120)}`,
      );
    },
  ],
  [
    "forward gives a log-probability for each place, and no gradient",
    async (trial) => {
      const model = await trial.model();
      const scored = await trial.client.score(model);
      must(
        scored.length === ones.length && scored.every((value) => value <= 0),
        `it gave ${scored.length} for ${ones.length} places`,
      );
      const norm = await trial.client.norm(model);
      must(norm === 0, `the gradient's norm is ${norm}`);
    },
  ],
  [
    "results name their sum of losses",
    async (trial) => {
      const model = await trial.model();
      const { bytes } = await trial.client.run("forward_backward", backward(model));
      const { fields, metrics } = decodeForwardBackwardOutput(bytes);
      const sum = -[...(fields.get("logprobs")?.[0] ?? [])].reduce((total, value) => total + value, 0);
      must(near(metrics.get("loss:sum") ?? Number.NaN, sum), `loss:sum is ${metrics.get("loss:sum")}, the sum ${sum}`);
    },
  ],
  [
    "losses are sums over sequences, not means",
    async (trial) => {
      const model = await trial.model();
      const [once, twice] = [
        await gradientNorm(trial, model, [scaled(3, 1)]),
        await gradientNorm(trial, model, [scaled(3, 1), scaled(3, 1)]),
      ];
      must(near(twice, 2 * once), `the same sequence twice has ${(twice / once).toFixed(3)} times the gradient`);
    },
  ],
  [
    "losses are sums over tokens, with signs",
    async (trial) => {
      const model = await trial.model();
      const [once, minus] = [
        await gradientNorm(trial, model, [scaled(3, 1)]),
        await gradientNorm(trial, model, [scaled(3, -3)]),
      ];
      must(
        near(minus, 3 * once),
        `minus three times the advantage has ${(minus / once).toFixed(3)} times the gradient`,
      );
      const both = await gradientNorm(trial, model, [scaled(3, 1), scaled(3, -1)]);
      must(both < 1e-3 * once, `opposite advantages leave ${(both / once).toFixed(3)} of the gradient`);
    },
  ],
  [
    "ppo clips, by the thresholds that are sent",
    async (trial) => {
      const model = await trial.model();
      const scores = await trial.client.score(model);
      const logprobs = scores.map((value) => value - 1);
      const norms: number[] = [];
      for (const high of [1.2, 4]) {
        const body = passesOf(model.id, model.next(), [datumOf({ logprobs, advantages: scaled(3, 1) })], {
          loss: "ppo",
          lossConfig: new Map([
            ["clip_low_threshold", 0.8],
            ["clip_high_threshold", high],
          ]),
        });
        await trial.client.run("forward_backward", body);
        norms.push((await trial.client.norm(model)) ?? Number.NaN);
      }
      const [clipped = 0, open = 0] = norms;
      must(clipped < 1e-3 * open && open > 0, `a ratio of e has the norm ${clipped} up to 1.2, and ${open} up to 4`);
    },
  ],
  [
    "an unknown loss, setting or input is refused in words",
    async (trial) => {
      const model = await trial.model();
      requireRefused(await trial.client.post("forward_backward", backward(model, plain, "no_such_loss")));
      const setting = passesOf(model.id, model.next(), plain, { lossConfig: new Map([["no_such_setting", 1]]) });
      requireRefused(await trial.client.post("forward_backward", setting));
      requireRefused(await trial.client.post("forward_backward", backward(model, [datumOf({ no_such_input: ones })])));
    },
  ],
  [
    "no data, no targets, uneven lengths and unknown tokens are refused in words",
    async (trial) => {
      const model = await trial.model();
      const [datum] = plain;
      requireRefused(await trial.client.post("forward_backward", backward(model, [])));
      requireRefused(
        await trial.client.post("forward_backward", backward(model, [{ tokens: TEXT.slice(1), inputs: new Map() }])),
      );
      requireRefused(await trial.client.post("forward_backward", backward(model, [datumOf({ weights: [1, 1] })])));
      requireRefused(
        await trial.client.post(
          "forward_backward",
          backward(model, [{ tokens: [2 ** 30, ...TEXT.slice(2)], inputs: datum?.inputs ?? new Map() }]),
        ),
      );
    },
  ],
  [
    "a body that is damaged is refused",
    async ({ client }) => {
      const { status } = await client.post("forward_backward", Uint8Array.of(255, 255, 255));
      must(status >= 400 && status < 500, `it answered ${status}`);
    },
  ],
];
