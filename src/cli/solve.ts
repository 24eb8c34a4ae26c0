import { openEngine } from "../engines/onnx/index.ts";
import type { FlowEvent } from "../event.ts";
import { createFlow, type SolveResult } from "../flow/flow.ts";
import { randomKey } from "../random.ts";
import { openWorld } from "./almanac-world.ts";
import { castOf, type ModuleName, trainableNames } from "./cast.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { BUILT_IN_MODEL, engineOptions, findModel, findPlayers, type Players } from "./model.ts";
import { type Screen, screenOn } from "./screen.ts";
import { argumentOf, outcomeOf } from "./transcript.ts";

export interface SolveOptions {
  readonly seed: number;
  /** A run, its id, an adapter folder or a model folder. */
  readonly policy?: string | undefined;
  /** The model behind the modules; of an adapter its base, when absent. */
  readonly model?: string | undefined;
  readonly modules?: readonly ModuleName[] | undefined;
  readonly context?: number | undefined;
  readonly quantisation?: "int8" | "int4" | "none" | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * `agentflow solve`: one question over the Almanac, turn by turn. Returns the exit code: 0 when there is an answer,
 * also a doubtful one; 1 without any.
 */
export const solve = async (question: string, options: SolveOptions): Promise<number> => {
  const { seed, json, quiet } = options;
  const screen = screenOn({ stream: json ? process.stderr : process.stdout, environment: process.env, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const world = await openWorld(seed);
  const { model, adapters } = await playersOf(options);
  const engine = await openEngine(model, engineOptions({ ...options, adapters }));
  try {
    const train = trainableNames.filter((name) => Object.hasOwn(adapters ?? {}, name));
    const cast = castOf(engine, { seed, modules: options.modules, train });
    const flow = createFlow({ ...cast.flow, tools: world.tools(cast.model) });
    const result = await flow.solve(question, {
      id: "solve",
      randomKey: randomKey(seed, "solve"),
      onEvent: (event) => show(screen, event),
      abortSignal: interrupts.abortSignal,
    });
    interrupts.abortSignal.throwIfAborted();
    if (json) process.stdout.write(`${JSON.stringify(jsonOf(question, seed, result))}\n`);
    else if (quiet && "answer" in result) process.stdout.write(`${result.answer}\n`);
    if (result.status === "failed") throw result.error;
    return result.answer === undefined ? 1 : 0;
  } finally {
    interrupts.close();
    await engine.dispose();
  }
};

/** `--model` alone is the model; `--policy` alone brings its own; both: the policy's adapters on that model. */
const playersOf = async ({ model, policy }: SolveOptions): Promise<Players> => {
  const players = await findPlayers(policy ?? model ?? BUILT_IN_MODEL);
  return model === undefined || policy === undefined ? players : { ...players, model: await findModel(model) };
};

const show = (screen: Screen, event: FlowEvent): void => {
  if (event.type === "analysis-end") {
    const { entities, unit } = event.analysis;
    const named = entities.map((entity, i) => `q${i + 1} ${entity}`).join(", ");
    screen.line(
      screen.dim(`question  ${named === "" ? "no entities" : named}${unit === undefined ? "" : `; asked: ${unit}`}`),
    );
  } else if (event.type === "plan-end") {
    const { tool, subGoal, step } = event;
    screen.line(
      `${screen.bold(`turn ${event.turn}`)}    ${tool === "" ? JSON.stringify(step.raw) : `${tool} ${subGoal}`}`,
    );
  } else if (event.type === "tool-call") {
    screen.line(`  call    ${event.call.tool}(${argumentOf(event.call.input, "")})`);
  } else if (event.type === "tool-result") {
    screen.line(`  result  ${outcomeOf(event.observation)}`.slice(0, screen.width));
  } else if (event.type === "tool-error") {
    screen.line(screen.bad(`  ${event.observation.status} ${event.observation.error}`));
  } else if (event.type === "verdict-end") {
    screen.line(screen.dim(`  verdict ${event.verdict.decision}: ${event.verdict.reason}`));
  } else if (event.type === "finish") {
    const { answer, stopReason, usage } = event;
    const end = `${usage.turns} turns, ${usage.calls} calls, ${usage.sampledTokens} tokens`;
    screen.line(
      `${screen.bold("answer")}    ${answer ?? "none"}${stopReason === "answered" ? "" : ` (${stopReason})`}`,
    );
    screen.line(screen.dim(`used      ${end}`));
  }
};

const jsonOf = (question: string, seed: number, { status, stopReason, usage, trajectory }: SolveResult): object => {
  const { seconds, ...used } = usage;
  return {
    schemaVersion: 1,
    question,
    seed,
    status,
    stopReason,
    answer: trajectory.answer ?? null,
    usage: used,
    seconds,
    turns: trajectory.memory.map(({ index, step, call, observation, verdict }) => ({
      turn: index,
      tool: step.tool,
      subGoal: step.subGoal,
      input: call?.input ?? null,
      observation,
      verdict,
    })),
  };
};
