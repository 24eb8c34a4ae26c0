import { apart, datumOf, samplesOf, TEXT } from "./bare-client.ts";
import { backward, must, ones, type Rule, save } from "./conformance-trial.ts";

/** Rules of samples, results and what is kept. */
export const samplingRules: readonly Rule[] = [
  [
    "samples name their sequences and come with log-probabilities",
    async (trial) => {
      const sampler = await trial.client.sampler(await trial.model(), 910);
      const answer = await trial.client.post("asample", samplesOf(sampler, 0, 3, 2));
      const named = answer.json.sample_sequence_ids;
      must(Array.isArray(named) && named.length === 3, `it named ${JSON.stringify(named)}`);
      const { sequences } = await trial.client.draw(sampler, 1, { num_samples: 3 });
      must(
        sequences.length === 3 && sequences.every(({ logProbs }) => logProbs !== undefined),
        "samples or log-probabilities are missing",
      );
    },
  ],
  [
    "a sample that comes twice is drawn once, and a seed repeats",
    async (trial) => {
      const sampler = await trial.client.sampler(await trial.model(), 911);
      const ask = samplesOf(sampler, 0, 1, 6);
      const [one, two] = [await trial.client.post("asample", ask), await trial.client.post("asample", ask)];
      must(one.json.request_id === two.json.request_id, "it was drawn twice");
      const [a, b] = [await trial.client.draw(sampler, 1), await trial.client.draw(sampler, 2)];
      must(
        JSON.stringify(a.sequences[0]?.tokens) === JSON.stringify(b.sequences[0]?.tokens),
        "the same seed gave another sample",
      );
    },
  ],
  [
    "a prompt's log-probabilities are one a token, the first of them none",
    async (trial) => {
      const sampler = await trial.client.sampler(await trial.model(), 912);
      const { promptLogProbs } = await trial.client.draw(sampler, 0);
      must(
        promptLogProbs?.length === TEXT.length && Number.isNaN(promptLogProbs[0]),
        `${promptLogProbs?.length} for ${TEXT.length} tokens`,
      );
    },
  ],
  [
    "a snapshot stays as it was while training continues, and sampling it changes nothing",
    async (trial) => {
      const model = await trial.model();
      const sampler = await trial.client.sampler(model, 913);
      const scores = async (number: number): Promise<number[]> =>
        [...((await trial.client.draw(sampler, number)).promptLogProbs ?? [])].slice(1);
      const before = await scores(0);
      await trial.client.run("forward_backward", backward(model));
      await trial.client.step(model, 0.01);
      const trained = await trial.client.score(model);
      await trial.client.draw(await trial.client.sampler(model, 914), 0);
      must(apart(before, await scores(1)) < 1e-4, "it samples other weights than it was made of");
      must(apart(trained, await trial.client.score(model)) < 1e-5, "sampling it changed the trained weights");
    },
  ],
  [
    "a result can be fetched again",
    async (trial) => {
      const model = await trial.model();
      const answer = await trial.client.post("forward_backward", backward(model));
      const [one, two] = [await trial.client.result(answer), await trial.client.result(answer)];
      must(
        one !== undefined && two?.status === 200 && Buffer.from(one.bytes).equals(two.bytes),
        "the second time it was another one",
      );
    },
  ],
  [
    "a result that is unknown is 404",
    async ({ client }) => {
      const { status } = await client.post("retrieve_future", { request_id: "no-such-request" });
      must(status === 404, `it answered ${status}`);
    },
  ],
  [
    "an unloaded model is refused, and leaves no gradient to the next one",
    async (trial) => {
      const model = await trial.model();
      await trial.client.run("forward_backward", backward(model));
      await trial.client.run("unload_model", { model_id: model.id, type: "unload_model" });
      const answer = await trial.client.post("forward_backward", backward(model));
      const ended = answer.status === 200 ? await trial.client.result(answer) : answer;
      must(
        ended !== undefined && (ended.status >= 400 || ended.json.error !== undefined),
        "it was trained after it was unloaded",
      );
      const norm = await trial.client.norm(await trial.model());
      must(norm === 0, `a fresh model begins with a gradient of norm ${norm}`);
    },
  ],
  [
    "a pass that still runs when its model is unloaded leaves no gradient to the next one",
    async (trial) => {
      const model = await trial.model();
      const logprobs = await trial.client.score(model);
      const data = [datumOf({ logprobs, advantages: ones })];
      const running = await trial.client.post("forward_backward", backward(model, data, "ppo"));
      await trial.client.run("unload_model", { model_id: model.id, type: "unload_model" });
      const next = await trial.model();
      await trial.client.result(running);
      const norm = await trial.client.norm(next);
      must(norm === 0, `a fresh model begins with a gradient of norm ${norm}`);
    },
  ],
  [
    "checkpoints are listed, described and deleted",
    async (trial) => {
      const model = await trial.model();
      const { json } = await trial.client.run("save_weights", save(model, "conformance-listed"));
      const listed = async (): Promise<string> =>
        JSON.stringify((await trial.client.send("GET", `training_runs/${model.id}/checkpoints`)).json);
      must((await listed()).includes(String(json.path)), "it is not in the list");
      const info = await trial.client.post("weights_info", { tinker_path: json.path });
      must(info.json.base_model === trial.base, `weights_info says ${JSON.stringify(info.json).slice(0, 120)}`);
      const { status } = await trial.client.send(
        "DELETE",
        `training_runs/${model.id}/checkpoints/weights/conformance-listed`,
      );
      must(status === 204 && !(await listed()).includes(String(json.path)), `deleting it answered ${status}`);
    },
  ],
  [
    "a session is finished",
    async ({ client }) => {
      const session = await client.session();
      const { status } = await client.post(`sessions/${session}/finish`, { reason: { type: "success" }, detail: null });
      must(status >= 200 && status < 300, `it answered ${status}`);
    },
  ],
];
