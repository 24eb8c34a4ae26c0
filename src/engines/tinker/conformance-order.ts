import { apart, passesOf, type ScratchModel } from "./bare-client.ts";
import { backward, must, ones, optim, plain, type Rule, requireRefused, save } from "./conformance-trial.ts";

/** Rules of order, repetition and checkpoints. */
export const orderRules: readonly Rule[] = [
  [
    "training requests are executed in the order of their numbers, with gaps awaited",
    async (trial) => {
      const model = await trial.model();
      const [first, second] = [model.next(), model.next()];
      const early = await trial.client.post("optim_step", optim(model, second));
      must(early.status === 200, `the later one was answered ${early.status}`);
      must((await trial.client.result(early, 1)) === undefined, "the later one was executed first");
      await trial.client.run("forward_backward", passesOf(model.id, first, plain));
      const ended = await trial.client.result(early);
      must(ended?.status === 200 && JSON.stringify(ended.json.metrics) !== "{}", "the later one was never executed");
    },
  ],
  [
    "a number that was refused is used",
    async (trial) => {
      const model = await trial.model();
      requireRefused(await trial.client.post("forward_backward", backward(model, plain, "no_such_loss")));
      const scored = await trial.client.score(model);
      must(scored.length === ones.length, "what came after it was not executed");
    },
  ],
  [
    "a training request that comes twice is executed once",
    async (trial) => {
      const model = await trial.model();
      const body = backward(model);
      const [first, again] = [
        await trial.client.post("forward_backward", body),
        await trial.client.post("forward_backward", body),
      ];
      must(first.json.request_id === again.json.request_id, "it was executed twice");
      const step = optim(model, model.next());
      await trial.client.run("optim_step", step);
      const once = await trial.client.score(model);
      await trial.client.run("optim_step", step);
      must(apart(once, await trial.client.score(model)) < 1e-5, "a step that came twice was taken twice");
    },
  ],
  [
    "a number that is used for another request is 400, never 409",
    async (trial) => {
      const model = await trial.model();
      const seq = model.next();
      await trial.client.run("forward_backward", passesOf(model.id, seq, plain));
      requireRefused(
        await trial.client.post("forward_backward", passesOf(model.id, seq, plain, { forwardOnly: true })),
      );
    },
  ],
  [
    "saves and samplers that come twice are made once",
    async (trial) => {
      const model = await trial.model();
      const saving = save(model, "conformance-twice");
      const [one, two] = [
        await trial.client.run("save_weights", saving),
        await trial.client.run("save_weights", saving),
      ];
      must(one.json.path === two.json.path, "two saves were made");
      const sampler = {
        model_id: model.id,
        sampling_session_seq_id: 901,
        seq_id: model.next(),
        type: "save_weights_for_sampler",
      };
      const [a, b] = [
        await trial.client.run("save_weights_for_sampler", sampler),
        await trial.client.run("save_weights_for_sampler", sampler),
      ];
      must(a.json.sampling_session_id === b.json.sampling_session_id, "two sampling sessions were made");
    },
  ],
  [
    "a checkpoint is not replaced unless that is asked for",
    async (trial) => {
      const model = await trial.model();
      await trial.client.run("save_weights", save(model, "conformance-kept"));
      const again = await trial.client.post("save_weights", save(model, "conformance-kept"));
      const ended = again.status === 200 ? await trial.client.result(again) : again;
      must(
        ended !== undefined && (ended.status >= 400 || ended.json.error !== undefined) && ended.status !== 409,
        `it answered ${ended?.status}`,
      );
      await trial.client.run("save_weights", { ...save(model, "conformance-kept"), overwrite: true });
    },
  ],
  [
    "a model is made from a checkpoint, and continues as the first one would",
    async (trial) => {
      const model = await trial.model();
      await trial.client.run("forward_backward", backward(model));
      await trial.client.step(model, 0.01);
      const { json } = await trial.client.run("save_weights", save(model, "conformance-state"));
      const number = 902;
      const load = {
        session_id: trial.session,
        model_seq_id: number,
        path: json.path,
        optimizer: true,
        type: "load_weights",
      };
      const loaded = await trial.client.run("load_weights", load);
      let seq = 0;
      const id = String(loaded.json.model_id ?? `${trial.session}:train:${number}`);
      must(id === `${trial.session}:train:${number}`, `its id is ${id}: clients take ${trial.session}:train:${number}`);
      const copy: ScratchModel = {
        id,
        next: () => {
          seq += 1;
          return seq;
        },
      };
      for (const one of [model, copy]) {
        await trial.client.run("forward_backward", backward(one));
        await trial.client.step(one, 0.01);
      }
      const distance = apart(await trial.client.score(model), await trial.client.score(copy));
      await trial.client.post("unload_model", { model_id: id, type: "unload_model" });
      must(distance < 1e-4, `after one more step they are ${distance.toExponential(1)} apart`);
    },
  ],
];
