import type { ChatTemplate, Engine, Policy, Sample, SampleRequest, Tokenizer } from "../engine.ts";
import { EngineError } from "../errors.ts";
import type { Message } from "./queue.ts";

/** What a flow reads of an engine, as a run tells its workers. */
export interface EngineAbout extends Pick<Engine, "model" | "contextLength" | "learns" | "endIds" | "description"> {
  readonly grammars: boolean;
  /** Policy → the version that it begins with. */
  readonly versions: Readonly<Record<string, string>>;
}

export const aboutEngine = (
  { model, contextLength, learns, endIds, description, grammars = true }: Engine,
  policies: readonly Policy[],
): EngineAbout => ({
  model,
  contextLength,
  learns,
  endIds,
  description,
  grammars,
  versions: Object.fromEntries(policies.map(({ name, version }) => [name, version])),
});

export interface WorkerEngineOptions {
  readonly about: EngineAbout;
  /** Of the model; it is read here. */
  readonly tokenizer: Tokenizer;
  readonly chat?: ChatTemplate | undefined;
  /** A call of the solve that samples. */
  readonly call: (what: Message, abortSignal?: AbortSignal) => Promise<Message>;
}

/**
 * The engine of a run as its workers see it: their prompts are sampled where the run has its weights, so that all workers
 * share its batches and caches, and a token is the same whoever asked for it. Nothing is trained through it.
 */
export const workerEngine = ({ about, tokenizer, chat, call }: WorkerEngineOptions): Engine => {
  const { versions, ...plain } = about;
  const refuse = async (): Promise<never> => {
    throw new EngineError("A worker only samples: the run trains, publishes and saves.");
  };
  const policyOf = (name: string): Policy => ({
    name,
    engine,
    version: versions[name] ?? "",
    sample: async ({ abortSignal, ...request }: SampleRequest) => {
      const { sample } = await call({ type: "sample", policy: name, request }, abortSignal);
      return sample as Sample;
    },
    // Caches that are not let go of go with the solve.
    release: (history) => void call({ type: "release", history }).catch(() => undefined),
    hold: () => () => undefined,
    forward: refuse,
    backward: refuse,
    optimStep: refuse,
    publish: refuse,
    restore: refuse,
    exportState: refuse,
    importState: refuse,
    save: refuse,
  });
  const policies = new Map<string, Policy>();
  const engine: Engine = {
    ...plain,
    tokenizer,
    ...(chat && { chat }),
    policy: (name) => {
      const found = policies.get(name) ?? policyOf(name);
      policies.set(name, found);
      return found;
    },
    dispose: async () => undefined,
  };
  return engine;
};
