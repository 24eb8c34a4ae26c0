import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chatTemplateOf } from "../../engines/onnx/engine-parts.ts";
import { loadTokenizer } from "../../engines/onnx/index.ts";
import { messageOf } from "../../errors.ts";
import { plannerOpening, plannerSystem } from "../../flow/model/planner-prompt.ts";
import { verifierSystem } from "../../flow/model/verifier-prompt.ts";
import { analyse } from "../../flow/rules/analyse.ts";
import { silentModel } from "../../learn/silent-model.ts";
import { checkKeys, readTaskFile } from "../../tasks/index.ts";
import { baseGenerator } from "../../tools/base-generator.ts";
import { pythonTool, webPage, webSearch, wikipediaSearch } from "../../tools/index.ts";
import { efficiency, MILLISECONDS_PER_REQUEST, machines, models, planOf, rollouts } from "./plan.ts";
import { published, TURNS } from "./published.ts";
import { rehearse } from "./rehearsal.ts";

/** What one check found. `not checked`: what it needs was not named. */
export interface PaperCheck {
  readonly name: "recipe" | "data" | "tokenizer" | "prompts" | "memory" | "time" | "path";
  readonly state: "ok" | "wrong" | "not checked";
  readonly text: string;
}

export interface DryRun {
  readonly schemaVersion: 1;
  readonly checks: readonly PaperCheck[];
  /** Whether nothing is wrong. What was not checked is not known. */
  readonly ready: boolean;
}

export interface DryRunOptions {
  /** A file of the training data. */
  readonly data?: string | undefined;
  /** Folder of the published model, of which tokenizer.json and tokenizer_config.json are read. */
  readonly model?: string | undefined;
  readonly onCheck?: ((check: PaperCheck) => void) | undefined;
  readonly onStage?: ((stage: string) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** Questions of NQ and DeepMath that the published run trains on. */
const PUBLISHED_TASKS = 182_190;
/** Of the published model. */
const CONTEXT = 32_768;

/** Checks what the published run needs, without a GPU, and runs its whole path on a small random model. */
export const dryRun = async ({ data, model, onCheck, onStage, abortSignal }: DryRunOptions): Promise<DryRun> => {
  const checks: PaperCheck[] = [];
  const add = (check: PaperCheck): void => {
    checks.push(check);
    onCheck?.(check);
  };
  add(recipeCheck());
  onStage?.("data");
  add(await dataCheck(data));
  const tokenizer = await tokenizerOf(model);
  add(tokenizer.check);
  add(promptCheck(tokenizer.count, model !== undefined));
  for (const check of planChecks()) add(check);
  abortSignal?.throwIfAborted();
  onStage?.("the whole path, on a random model of the same architecture");
  add(await pathCheck(abortSignal));
  return { schemaVersion: 1, checks, ready: checks.every(({ state }) => state !== "wrong") };
};

const recipeCheck = (): PaperCheck => {
  const { grpo, learningRate, steps, maxTokens, temperature } = published.recipe;
  const { tasksPerStep, groupSize, beta, clipLow, clipHigh } = grpo;
  return {
    name: "recipe",
    state: "ok",
    text: `${published.model} in ${published.modules.join(", ")}, of which ${published.train.join(", ")} learns; ${tasksPerStep} tasks × ${groupSize} rollouts, ${steps} steps, learning rate ${learningRate.peak}, β ${beta}, clip ${clipLow} and ${clipHigh}, temperature ${temperature}, actions of at most ${maxTokens} tokens, at most ${TURNS.training} turns in training and ${TURNS.evaluation} in evaluation`,
  };
};

const dataCheck = async (path: string | undefined): Promise<PaperCheck> => {
  if (path === undefined)
    return {
      name: "data",
      state: "not checked",
      text: `name your copy with --data: NQ and DeepMath, ${PUBLISHED_TASKS.toLocaleString("en")} questions, as Parquet or JSON lines with question, result or golden_answers`,
    };
  try {
    const tasks = await readTaskFile(path);
    const faults = checkKeys(tasks);
    const [first] = faults;
    const count = `${tasks.length.toLocaleString("en")} questions (published: ${PUBLISHED_TASKS.toLocaleString("en")})`;
    return first === undefined
      ? { name: "data", state: "ok", text: `${count}; each key, given back as the answer, is right` }
      : {
          name: "data",
          state: "wrong",
          text: `${count}; ${faults.length} keys cannot be met, the first of ${first.id}: ${first.problem}`,
        };
  } catch (error) {
    return { name: "data", state: "wrong", text: messageOf(error) };
  }
};

/** Counts the tokens of a prompt: by the model's own tokenizer, or four characters a token. */
type Count = (text: string) => number;
const roughly: Count = (text) => Math.ceil(text.length / 4);

const tokenizerOf = async (
  folder: string | undefined,
): Promise<{ readonly check: PaperCheck; readonly count: Count }> => {
  const name = "tokenizer";
  if (folder === undefined)
    return {
      check: {
        name,
        state: "not checked",
        text: `name a folder with tokenizer.json and tokenizer_config.json of ${published.model} with --model`,
      },
      count: roughly,
    };
  try {
    const read = async (file: string): Promise<unknown> => JSON.parse(await readFile(join(folder, file), "utf8"));
    const config = (await read("tokenizer_config.json")) as Readonly<Record<string, unknown>>;
    const tokenizer = await loadTokenizer(await read("tokenizer.json"), config);
    const template = config.chat_template;
    const chat = await chatTemplateOf({
      ...(typeof template === "string" && { chatTemplate: template }),
      tokenizerConfig: config,
    });
    if (chat?.frame === undefined)
      return {
        check: {
          name,
          state: "wrong",
          text: `${folder} has no chat template in which a turn's prompt extends the last one`,
        },
        count: roughly,
      };
    const sentence = "Is 17 × 23 larger than 400? Ålesund, 東京.";
    const back = tokenizer.decode(tokenizer.encode(sentence));
    return {
      check: {
        name,
        state: back === sentence ? "ok" : "wrong",
        text:
          back === sentence
            ? `${tokenizer.vocabularySize.toLocaleString("en")} tokens, texts come back as they were, the chat template only appends`
            : `${JSON.stringify(sentence)} comes back as ${JSON.stringify(back)}`,
      },
      count: (text) => tokenizer.encode(text).length,
    };
  } catch (error) {
    return { check: { name, state: "wrong", text: `${folder}: ${messageOf(error)}` }, count: roughly };
  }
};

const QUESTION = "Which of the two films was directed by the older director, Bright Leaves or The Idle Class?";
/** Longest results of tools that a prompt shows, in characters, a turn. */
const RESULT = 2000;

const promptCheck = (count: Count, isCounted: boolean): PaperCheck => {
  const tools = {
    base_generator: baseGenerator(silentModel),
    python: pythonTool(),
    // Nothing is asked of it: only its description is read.
    web_search: webSearch({ environment: { SEARXNG_URL: "http://127.0.0.1" } }),
    wikipedia_search: wikipediaSearch(),
    web_page: webPage(),
  };
  const planner = count(
    `${plannerSystem(tools)}\n${plannerOpening({ question: QUESTION }, analyse(QUESTION), TURNS.evaluation)}`,
  );
  const verifier = count(verifierSystem("lines"));
  const longest = planner + TURNS.evaluation * (count("x".repeat(RESULT)) + published.recipe.maxTokens);
  const fits = longest <= CONTEXT;
  return {
    name: "prompts",
    state: fits ? "ok" : "wrong",
    text: `planner ${planner} and verifier ${verifier} tokens before the first turn${isCounted ? "" : " (four characters a token)"}; at most ${longest.toLocaleString("en")} in the last of ${TURNS.evaluation} turns, of ${CONTEXT.toLocaleString("en")}`,
  };
};

const planChecks = (): readonly PaperCheck[] => {
  const machine = machines.small;
  const plan = planOf(models.small, rollouts, machine, efficiency, MILLISECONDS_PER_REQUEST);
  const { decoding, prefill, waiting, training } = plan.minutesPerStep;
  return [
    {
      name: "memory",
      state: "ok",
      text: `${plan.weightGigabytes.toFixed(1)} GB of weights a GPU of 80, ${plan.cacheKilobytesPerToken.toFixed(0)} kB of cache a token, room for ${plan.sequencesPerCopy} sequences at once a GPU, on ${machine.gpus} ${machine.gpu}`,
    },
    {
      name: "time",
      state: "ok",
      text: `${(decoding + prefill + waiting + training).toFixed(1)} minutes a step, ${plan.hours.toFixed(1)} hours for ${rollouts.steps} steps, ${plan.gpuHours.toFixed(1)} GPU hours, $${plan.dollars.toFixed(0)} at $${machine.dollarsPerHour} an hour, evaluations on top; by the data sheet and the assumptions of docs/scale.md, measured by nobody here`,
    },
  ];
};

const pathCheck = async (abortSignal: AbortSignal | undefined): Promise<PaperCheck> => {
  const { fits, rollouts: made, most, groupSize } = await rehearse({ abortSignal });
  return {
    name: "path",
    state: fits ? "ok" : "wrong",
    text: `two steps in the flow on a random model of the same architecture: ${made} rollouts in groups of ${groupSize}, at most ${most.training} turns in training and ${most.evaluation} in evaluation`,
  };
};
