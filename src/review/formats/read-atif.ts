import { StoreError } from "../../errors.ts";
import { defined } from "../../options.ts";
import { type MemoryEntry, type Observation, stepOf, type TrainedTurn, type Trajectory } from "../../trajectory.ts";
import type { AtifStep } from "./atif.ts";

type Row = Readonly<Record<string, unknown>>;

const rowOf = (value: unknown): Row =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Row) : {};
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const ownOf = (extra: unknown): Row => rowOf(rowOf(extra).agentflow);

/** A message as text: its parts that are text, where it comes in parts. */
const textOf = (message: unknown): string =>
  typeof message === "string"
    ? message
    : listOf(message)
        .flatMap((part) => (typeof rowOf(part).text === "string" ? [String(rowOf(part).text)] : []))
        .join("\n");

/**
 * A trajectory of ours from an ATIF document of any version. Of one that was written here everything comes back; of another
 * agent's the question, each call with its arguments and what came of it, tokens with their log-probabilities, and the
 * answer. A step with several calls becomes as many turns. Throws `StoreError` for what is not ATIF; `place` is for its
 * message.
 *
 * @example
 * ```ts
 * import { trajectoryOfAtif } from "agentflow/review";
 *
 * const document = {
 *   schema_version: "ATIF-v1.8",
 *   agent: { name: "other", version: "1" },
 *   steps: [
 *     { step_id: 1, source: "user", message: "What is 2 + 2?" },
 *     { step_id: 2, source: "agent", message: "4" },
 *   ],
 * };
 * console.log(trajectoryOfAtif(document).answer);
 * ```
 */
export const trajectoryOfAtif = (document: unknown, place = "The document"): Trajectory => {
  const { schema_version: version, steps: listed, extra, trajectory_id: id, session_id: session } = rowOf(document);
  if (typeof version !== "string" || !/^ATIF-v1\.\d+$/.test(version) || !Array.isArray(listed) || listed.length === 0)
    throw new StoreError(
      `${place} is no ATIF trajectory: accepted is JSON with schema_version "ATIF-v1.…" and at least one step.`,
    );
  const steps = Array.from(listed, rowOf) as readonly Partial<AtifStep>[];
  const own = ownOf(extra);
  const asked = questionIn(steps);
  if (asked === undefined) throw new StoreError(`${place} has no question: no step has the source "user".`);
  const before = steps.slice(0, asked);
  const agents = steps.slice(asked + 1).filter(({ source }) => source === "agent");
  const last = agents.at(-1);
  const answers = last !== undefined && isAnswer(last, own);
  const acting = answers ? agents.slice(0, -1) : agents;
  const conversation = before.map(({ source, message }) => ({
    role: source === "agent" ? ("assistant" as const) : source === "system" ? source : ("user" as const),
    text: textOf(message),
  }));
  const memory: MemoryEntry[] = [];
  const turns: TrainedTurn[] = [];
  for (const step of acting) {
    const taken = entriesOf(step, memory.length);
    memory.push(...taken);
    // Its tokens say all of its calls: they are the first one's.
    if (taken[0] !== undefined) turns.push(...turnsOf(step, taken[0].index, place));
  }
  const answer = answers ? textOf(last?.message) : undefined;
  const question = textOf(steps[asked]?.message);
  const solution = (answers ? ownOf(last?.extra).solution : own.solution) as string | undefined;
  const query = { id: String(own.task ?? id ?? session ?? "task"), question };
  const total = memory.length;
  return {
    schemaVersion: 1,
    id: String(id ?? session ?? "imported"),
    query: { ...query, ...(conversation.length > 0 && { conversation }) },
    analysis: isAnalysis(own.analysis) ? own.analysis : { entities: [], template: question },
    memory: memory.map((entry) => (entry.turnsLeft < 0 ? { ...entry, turnsLeft: total - entry.index } : entry)),
    turns: [...turns, ...(listOf(own.sampledLater) as TrainedTurn[])],
    ...defined({ answer, solution }),
    status: (own.status as Trajectory["status"] | undefined) ?? (answer === undefined ? "partial" : "solved"),
    stopReason: String(own.stopReason ?? (answer === undefined ? "no-answer" : "answered")),
    ...defined({ failure: own.failure as string | undefined }),
  };
};

/** What a file that was written here says of a trajectory's task and of what it earned. */
export interface KnownOfAtif {
  readonly phase?: string;
  readonly set?: string;
  readonly task?: string;
  readonly family?: string;
  readonly expected?: string;
  readonly reward?: number;
}

/** Of a document of another agent nothing is known. */
export const knownOfAtif = (document: unknown): KnownOfAtif => {
  const { phase, set, task, family, expected, reward } = ownOf(rowOf(document).extra);
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return defined({
    ...{ phase: text(phase), set: text(set), task: text(task), family: text(family), expected: text(expected) },
    reward: typeof reward === "number" ? reward : undefined,
  });
};

/** The step that asks: the one that says so, else the last one of a user before the agent acts. */
const questionIn = (steps: readonly Partial<AtifStep>[]): number | undefined => {
  const named = steps.findIndex(({ extra }) => ownOf(extra).part === "question");
  if (named >= 0) return named;
  const acts = steps.findIndex(({ source, tool_calls: calls }) => source === "agent" && listOf(calls).length > 0);
  const until = acts < 0 ? steps.length : acts;
  for (let i = until - 1; i >= 0; i -= 1) if (steps[i]?.source === "user") return i;
  return undefined;
};

/** The last word is the answer where it says so; of another agent, where it calls nothing. */
const isAnswer = ({ extra, tool_calls: calls }: Partial<AtifStep>, own: Row): boolean =>
  own.schemaVersion === undefined ? listOf(calls).length === 0 : ownOf(extra).part === "answer";

const entriesOf = (step: Partial<AtifStep>, taken: number): MemoryEntry[] => {
  const own = ownOf(step.extra);
  const message = textOf(step.message);
  if (own.part === "turn") return [ownEntry(step, own, message)];
  const calls = listOf(step.tool_calls).map(rowOf);
  const results = listOf(rowOf(step.observation).results).map(rowOf);
  return calls.map((call, i) => {
    const tool = String(call.function_name ?? "");
    const found = results.find(({ source_call_id: of }) => of !== undefined && of === call.tool_call_id) ?? results[i];
    const plan = stepOf(message);
    return {
      index: taken + i + 1,
      step: plan.tool === tool ? plan : { tool, subGoal: message.trim(), raw: `${tool} ${message.trim()}`.trim() },
      call: { tool, input: call.arguments ?? {} },
      observation: { status: "ok", text: textOf(found?.content), fields: {} },
      verdict: { decision: "continue", reason: "" },
      // Told once all turns are known.
      turnsLeft: -1,
    };
  });
};

const ownEntry = (step: Partial<AtifStep>, own: Row, raw: string): MemoryEntry => {
  const [call] = listOf(step.tool_calls).map(rowOf);
  const [result] = listOf(rowOf(step.observation).results).map(rowOf);
  const { status, ...facts } = rowOf(own.observation);
  const content = textOf(result?.content);
  const observation = (
    status === "ok" ? { status, text: content, ...facts } : { status, error: content, ...facts }
  ) as Observation;
  const input = Object.hasOwn(own, "input") ? own.input : call?.arguments;
  return {
    index: Number(own.turn),
    step: { tool: String(own.tool ?? ""), subGoal: String(own.subGoal ?? ""), raw },
    ...(call !== undefined && { call: { tool: String(call.function_name), input } }),
    observation,
    verdict: isVerdict(own.verdict) ? own.verdict : { decision: "continue", reason: "" },
    turnsLeft: Number(own.turnsLeft ?? 0),
  };
};

const isAnalysis = (value: unknown): value is Trajectory["analysis"] => {
  const { entities, template } = rowOf(value);
  return typeof template === "string" && Array.isArray(entities) && entities.every((one) => typeof one === "string");
};
const isVerdict = (value: unknown): value is MemoryEntry["verdict"] =>
  ["continue", "stop"].includes(String(rowOf(value).decision)) && typeof rowOf(value).reason === "string";

/** What was sampled in a step, in the order in which it was. */
const turnsOf = ({ metrics, extra }: Partial<AtifStep>, index: number, place: string): TrainedTurn[] => {
  const own = ownOf(extra);
  const others = listOf(own.others) as readonly TrainedTurn[];
  const tokens = rowOf(metrics);
  const names = ["prompt_token_ids", "completion_token_ids", "logprobs"];
  const [prompt, ids, logprobs] = names.map((name) => numbersOf(tokens[name], `${place}: metrics.${name}`));
  if (ids === undefined || prompt === undefined || logprobs === undefined) return [...others];
  const { segments, ...sampled } = rowOf(own.sampled);
  const cut = listOf(segments).map((segment) => {
    const [length, isSampled] = listOf(segment);
    if (typeof length === "number" && typeof isSampled === "boolean") return [length, isSampled] as const;
    throw new StoreError(`${place}: a segment is ${JSON.stringify(segment)}: accepted is [length, whether sampled].`);
  });
  let at = 0;
  const pieces =
    cut.length === 0
      ? [{ ids: prompt, sampled: false }]
      : cut.map(([length, isSampled]) => {
          at += length;
          return { ids: prompt.slice(at - length, at), sampled: isSampled };
        });
  const planned = {
    module: "planner",
    policy: "planner",
    version: "",
    turn: index,
    ...sampled,
    prompt: pieces,
    ids,
    behaviourLogProbs: logprobs,
  } as TrainedTurn;
  return [planned, ...others];
};

const numbersOf = (value: unknown, what: string): readonly number[] | undefined => {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((one) => typeof one === "number")) return value;
  throw new StoreError(`${what} is ${JSON.stringify(value).slice(0, 60)}: accepted is a list of numbers.`);
};
