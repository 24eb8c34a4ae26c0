/** The planner of this page: a small transformer on the engine, in a flow over the archipelago. Of Node nothing is needed. */
import {
  createFlow,
  type Engine,
  type Flow,
  modelPlanner,
  type Policy,
  ruleExecutor,
  ruleGenerator,
  ruleVerifier,
} from "agentflow";
import { TURNS } from "../../../examples/archipelago/questions.ts";
import { tools } from "../../../examples/archipelago/tools.ts";
import type { Runtime } from "../../../src/engines/onnx/carriers/runtime.ts";
import { selfTest } from "../../../src/engines/onnx/carriers/self-test.ts";
import { type FolderParts, folderContents, manifestText } from "../../../src/engines/onnx/files/folder-contents.ts";
import { parseHubConfig } from "../../../src/engines/onnx/files/hub-config.ts";
import { decodeSafetensors } from "../../../src/engines/onnx/files/safetensors.ts";
import { fullEngine } from "../../../src/engines/onnx/full-engine.ts";
import type { ModelConfig } from "../../../src/engines/onnx/model-config.ts";
import type { TokenizerJson } from "../../../src/engines/onnx/text/tokenizer.ts";

/** Its prompts do not say how many turns are left: it would read the length of its plan off them. */
export const PROMPTS = { turnsLeft: false } as const;
/** The longest action has seven tokens. */
const ACTION_TOKENS = 10;
/** Plans that are drawn at once. */
const HISTORIES = 64;

/** Contents of the model folder that the page ships. */
export interface PlannerFiles {
  readonly config: object;
  readonly tokenizer: TokenizerJson;
  readonly weights: Uint8Array;
}

export interface DemoPlanner {
  readonly engine: Engine;
  readonly policy: Policy;
  /** As it learns: plans are drawn. */
  readonly flow: Flow;
  /** As it is used: each turn takes the likeliest action. */
  readonly greedy: Flow;
  /** The files of its newest version, as a model folder. */
  folder(about: Readonly<Record<string, unknown>>): Promise<ReadonlyMap<string, string | Uint8Array>>;
}

/** A flow over the archipelago with this policy as its planner. */
export const flowOf = (policy: Policy, temperature: number): Flow =>
  createFlow({
    planner: modelPlanner(policy, { ...PROMPTS, temperature, maxTokens: ACTION_TOKENS }),
    executor: ruleExecutor(),
    verifier: ruleVerifier(),
    generator: ruleGenerator(),
    tools,
    budget: { turns: TURNS },
  });

/** Opens the planner on a runtime. Throws `StoreError` for damaged files, `EngineError` for a runtime that is not as expected. */
export const openPlanner = async (
  runtime: Runtime,
  { config: json, tokenizer, weights }: PlannerFiles,
): Promise<DemoPlanner> => {
  await selfTest(runtime);
  const config: ModelConfig = parseHubConfig(json, "config.json");
  const tensors = Object.fromEntries(
    Object.entries(decodeSafetensors(weights, "model.safetensors")).map(([name, { data }]) => [name, data]),
  );
  let written: ReadonlyMap<string, string | Uint8Array> = new Map();
  const source = { name: "archipelago-planner", config, tokenizer, tensors };
  const engine = await fullEngine(runtime, source, {
    description: {},
    slots: HISTORIES,
    save: async (_folder, trained, about) => {
      const parts: FolderParts = { config, tokenizer, weights: trained };
      const files = folderContents(parts);
      written = new Map([...files, ["manifest.json", manifestText(files, about)]]);
    },
  });
  const policy = engine.policy("planner");
  return {
    engine,
    policy,
    flow: flowOf(policy, 1),
    greedy: flowOf(policy, 0),
    folder: async (about) => {
      await policy.save("", { ...PROMPTS, ...about });
      return written;
    },
  };
};
