import type { Policy, PromptSegment, Tokenizer } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { FlowState, Plan, Planner } from "../module.ts";
import { deriveKey } from "../random.ts";
import { type Analysis, type MemoryEntry, type Step, stepOf, type TrainedTurn } from "../trajectory.ts";
import { renderEntry } from "./memory.ts";

// ── What it makes: `Plan` of module.ts ──────────────────────────────────────────────────────────────────────────────

/** Ends a sampled action. A model's vocabulary has it as one token. */
export const END = "<end>";

// ── Prompt ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const TEMPLATE_LENGTH = 400;
const ENTITY_LENGTH = 16;

/** The start of a compact prompt: template, entities, asked unit, turns left. Pure and bounded. */
export const renderHead = ({ template, entities, unit }: Analysis, turnLimit: number): string => {
  let text = `${template.slice(0, TEMPLATE_LENGTH)}\n`;
  for (const [i, entity] of entities.entries()) text += `q${i + 1} ${entity.slice(0, ENTITY_LENGTH)}\n`;
  if (unit !== undefined) text += `unit ${unit}\n`;
  return `${text}[${turnLimit}]\n`;
};

/** What a prompt is made of: a trajectory has it as well as the state of a running flow. */
export interface PromptSource {
  readonly analysis: Analysis;
  readonly memory: readonly MemoryEntry[];
}

type Encode = (text: string) => readonly number[];

/** Head, then for each entry its action (as sampled, where this module sampled it) and its rendering. */
const promptSegments = (
  { analysis, memory }: PromptSource,
  turnLimit: number,
  turns: readonly TrainedTurn[],
  encode: Encode,
  endId: number,
): PromptSegment[] => {
  const segments: PromptSegment[] = [{ ids: encode(renderHead(analysis, turnLimit)), sampled: false }];
  for (const entry of memory) {
    const turn = turns.find((one) => one.turn === entry.index);
    segments.push(
      turn === undefined
        ? { ids: [...encode(entry.step.raw.trim()), endId], sampled: false }
        : { ids: turn.ids, sampled: true },
    );
    segments.push({ ids: encode(renderEntry(entry)), sampled: false });
  }
  return segments;
};

/**
 * The token sequence of a finished run as its planner would have seen and sampled it, from the text of its actions:
 * what supervised training takes from a scripted planner. `targets` are positions of action tokens and their `<end>`;
 * `turns` says for each target which entry (from 0) it belongs to.
 */
export const trajectorySegments = (
  tokenizer: Tokenizer,
  trajectory: PromptSource,
): { readonly ids: readonly number[]; readonly targets: readonly number[]; readonly turns: readonly number[] } => {
  const endId = endOf(tokenizer);
  const [first] = trajectory.memory;
  const ids = [...tokenizer.encode(renderHead(trajectory.analysis, (first?.turnsLeft ?? 0) + 1))];
  const targets: number[] = [];
  const turns: number[] = [];
  for (const [t, entry] of trajectory.memory.entries()) {
    for (const id of [...tokenizer.encode(entry.step.raw.trim()), endId]) {
      targets.push(ids.push(id) - 1);
      turns.push(t);
    }
    if (t < trajectory.memory.length - 1) ids.push(...tokenizer.encode(renderEntry(entry)));
  }
  return { ids, targets, turns };
};

// ── Parse ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const ACTION_LENGTH = 2000;

/** An action in text: the first word is the tool, the rest the sub-goal. Pure, never throws. */
export const parseAction = (text: string): Step | { readonly error: string } => {
  if (text.length > ACTION_LENGTH) return { error: `An action has at most ${ACTION_LENGTH} characters.` };
  const step = stepOf(text);
  if (!/^[A-Za-z_][\w-]*$/u.test(step.tool))
    return { error: 'An action starts with the name of a tool, as in "web_search q1".' };
  return step.subGoal === ""
    ? { error: `An action needs a sub-goal after the tool, as in "${step.tool.slice(0, 60)} q1".` }
    : step;
};

const planOf = (text: string): Pick<Plan, "step" | "error"> => {
  const parsed = parseAction(text);
  return "error" in parsed ? malformed(text, parsed.error) : { step: parsed };
};

const malformed = (text: string, error: string): Pick<Plan, "step" | "error"> => ({
  step: { tool: "", subGoal: "", raw: text },
  error,
});

// ── The call ────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ModelPlannerOptions {
  /** Most tokens of an action. @default 24 */
  readonly maxTokens?: number;
  /** 0 is greedy; training needs 1. @default 1 */
  readonly temperature?: number;
}

/**
 * A planner that samples a policy of an engine. Each turn's prompt is the last one, what was sampled then and what
 * came of it, by their ids: nothing that was sampled is encoded again. A solve stays on the version it began with.
 */
export const modelPlanner = (
  policy: Policy,
  { maxTokens = 24, temperature = 1 }: ModelPlannerOptions = {},
): Planner => {
  const { tokenizer, contextLength } = policy.engine;
  const endId = endOf(tokenizer);
  const encode = memoised((text) => tokenizer.encode(text));
  const held = new Map<string, { readonly version: string; readonly letGo: () => void }>();
  const pin = (history: string): string => {
    const pinned = held.get(history) ?? { version: policy.version, letGo: policy.hold(policy.version) };
    held.set(history, pinned);
    return pinned.version;
  };

  const plan = async (state: FlowState, context: Parameters<Planner>[1]): Promise<Plan> => {
    const earlier = context.turns.filter((turn) => turn.module === "planner" && turn.policy === policy.name);
    const prompt = promptSegments(state, state.turn - 1 + state.turnsLeft, earlier, encode, endId);
    const promptTokens = prompt.reduce((sum, { ids }) => sum + ids.length, 0);
    const room = Math.min(maxTokens, contextLength - promptTokens);
    if (room < 1)
      return malformed("", `Question and memory take ${promptTokens} tokens, the model holds ${contextLength}.`);
    const sample = await policy.sample({
      prompt,
      history: context.history,
      randomKey: deriveKey(context.randomKey, "planner", policy.name, state.turn),
      maxTokens: room,
      stopIds: [endId],
      temperature,
      version: context.versions[policy.name] ?? pin(context.history),
      abortSignal: context.abortSignal,
    });
    const ended = sample.ids.at(-1) === endId;
    const text = tokenizer.decode(ended ? sample.ids.slice(0, -1) : sample.ids);
    context.onText?.(text);
    return {
      ...(ended ? planOf(text) : malformed(text, `An action ends within ${maxTokens} tokens.`)),
      sampled: {
        module: "planner",
        policy: policy.name,
        version: sample.version,
        turn: state.turn,
        prompt,
        ids: sample.ids,
        behaviourLogProbs: sample.logProbs,
      },
      tokens: { prompt: promptTokens, sampled: sample.ids.length },
    };
  };
  const release = (history: string): void => {
    held.get(history)?.letGo();
    held.delete(history);
    policy.release(history);
  };
  return Object.assign(plan, { release });
};

const endOf = (tokenizer: Tokenizer): number => {
  const id = tokenizer.idOf(END);
  if (id === undefined)
    throw new ConfigError(
      `The model's vocabulary has no token ${END}, which ends an action. Use a model made for planning.`,
    );
  return id;
};

const MEMO_LIMIT = 4096;

/** Remembers the last few thousand results: renderings repeat over the rollouts of a group. */
const memoised = (encode: (text: string) => readonly number[]): Encode => {
  const known = new Map<string, readonly number[]>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    if (known.size >= MEMO_LIMIT) known.clear();
    const ids = encode(text);
    known.set(text, ids);
    return ids;
  };
};
