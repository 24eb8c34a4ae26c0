import type { EnvironmentSealed, EnvironmentTask } from "../../environment.ts";
import { fieldText } from "../../flow/field-text.ts";
import { caseOf } from "../../flow/memory.ts";
import { statedValue } from "../../flow/observation.ts";
import { ruleExecutor } from "../../flow/rules/executor.ts";
import { fits, TRUTH } from "../../flow/rules/fits.ts";
import type { FlowState, ModuleContext } from "../../module.ts";
import { defined } from "../../options.ts";
import { randomKey } from "../../random.ts";
import type { Reward } from "../../task.ts";
import type { Field, Toolset } from "../../tool.ts";
import { type Observation, stepOf, type Trajectory } from "../../trajectory.ts";
import {
  calculations,
  comparisons,
  type Known,
  knownFields,
  operations,
  VALUE_OF_TEXT,
} from "../planners/candidates.ts";
import type { AskedCalculation } from "../planners/random-valid.ts";
import { neededBy } from "../planners/references.ts";
import type { Brought, Case, Found, Seen, Way } from "./seen.ts";

/** What it takes to find out what answers a question. */
export interface AnswerOptions<Sealed extends EnvironmentSealed> {
  readonly tools: Toolset;
  /** Names of the tools that calculate. */
  readonly calculators: ReadonlySet<string>;
  readonly reward: Reward<Sealed>;
  readonly abortSignal: AbortSignal;
}

/** Most calculations that are tried on what one walk has brought. */
const MOST_CALCULATIONS = 400;

/** The name of a calculation, by which what was found is kept: `days hotel.opened person.born`, whatever their order is. */
export const calculationName = ({ asked: { operation }, plan }: Way): string => {
  const references = stepOf(plan.at(-1) ?? "")
    .subGoal.split(" ")
    .slice(1);
  const operands = references.map((reference) => {
    const [, entry, field] = /^@(\d+)\.(\S+)$/u.exec(reference) ?? [];
    return entry === undefined ? reference : `${stepOf(plan[Number(entry) - 1] ?? "").tool}.${field}`;
  });
  return [operation, ...(Object.hasOwn(comparisons, operation) ? operands : operands.sort())].join(" ");
};

/** Finds out what answers a question, given what a walk over it has brought. `onCall` gets each calculation. */
export const answersOf = <Sealed extends EnvironmentSealed>(
  { tools, calculators, reward, abortSignal }: AnswerOptions<Sealed>,
  onCall: (tool: string, observation: Observation) => void,
): ((task: EnvironmentTask<Sealed>, trajectory: Trajectory) => Promise<Seen>) => {
  const executor = ruleExecutor();
  const context: ModuleContext = {
    history: "explore",
    randomKey: randomKey("explore"),
    turns: [],
    versions: {},
    abortSignal,
  };
  return async (task, { query, analysis, memory }) => {
    const state: FlowState = { query, analysis, memory, tools, turn: memory.length + 1, turnsLeft: 1 };
    const fields = knownFields(state);
    const byReference = new Map(fields.map((field) => [field.reference, field]));
    const rewards = new Map<string, boolean>();
    const isRight = async (value: Field | undefined): Promise<boolean> =>
      value !== undefined && fits(value, analysis.unit) && isAnswer(value);
    const isAnswer = async (value: Field): Promise<boolean> => {
      const text = fieldText(value);
      const known = rewards.get(text) ?? (await reward(task, text)) === 1;
      rewards.set(text, known);
      return known;
    };
    const accepted = new Map<string, Found>();
    const early = new Set<string>();
    /** Keeps a way to an answer, unless its question would end before. */
    const accept = (name: string, way: Found): void => {
      if (way.early === undefined) accepted.set(name, way);
      else early.add(way.early);
    };
    const endAmong = (entries: readonly number[]): Pick<Found, "early"> => {
      const end = entries.find((entry) => fits(statedValue(memory[entry - 1]?.observation), analysis.unit));
      return defined({ early: end === undefined ? undefined : memory[end - 1]?.step.tool });
    };
    const foundBy = (action: string): Found => ({
      plan: planOf(action, memory),
      ...endAmong(neededBy(action, memory)),
    });
    for (const { step, observation } of memory)
      if (await isRight(statedValue(observation))) accept(step.tool, foundBy(step.raw));
    const truths = new Map<string, (Way & { readonly holds: boolean }) | undefined>();
    const wayOf = (tool: string, subGoal: string): Way => ({
      ...foundBy(`${tool} ${subGoal}`),
      asked: calculationOf(subGoal, byReference),
    });
    const calculated = async (tool: string, subGoal: string): Promise<Field | undefined> => {
      const call = await executor.write({ tool, subGoal, raw: "" }, state, context);
      if ("error" in call) return undefined;
      const observation = await executor.run(call, state, context);
      onCall(tool, observation);
      return statedValue(observation);
    };
    for (const tool of calculators) {
      const open = [...Object.keys(operations), VALUE_OF_TEXT].flatMap((operation) =>
        calculations(state, operation, fields),
      );
      const fitting = open.filter((subGoal) => inOrder(subGoal) && mayAnswer(subGoal, byReference, analysis.unit));
      const less = calculations(state, "less", fields);
      // Of two fields either can come first; what the question names comes last.
      const withNamed = [...less, ...calculations(state, "more", fields)].filter((one) => / q\d+$/u.test(one));
      const answering = analysis.unit === TRUTH ? [...new Set([...less, ...withNamed])] : [];
      for (const subGoal of [...fitting, ...answering].slice(0, MOST_CALCULATIONS)) {
        if (!(await isRight(await calculated(tool, subGoal)))) continue;
        const way = wayOf(tool, subGoal);
        accept(calculationName(way), way);
      }
      // Which way a question's own number or date lies, whatever it is asked for.
      for (const subGoal of withNamed.slice(0, MOST_CALCULATIONS)) {
        const way = wayOf(tool, subGoal);
        const { operation, fields: operands } = way.asked;
        const name = `${operands[0]} ${placeOf(operands[1] ?? "", withNamed)} ${operation}`;
        const holds = (await calculated(tool, subGoal))?.value === "yes";
        const known = truths.get(name);
        truths.set(name, truths.has(name) && known?.holds !== holds ? undefined : { ...way, holds });
      }
    }
    return {
      brought: accepted.size > 0 || early.size > 0 ? [] : await holding(fields, memory, analysis.unit, isAnswer),
      template: analysis.template,
      entities: analysis.entities,
      early: [...early],
      cases: casesIn(memory, endAmong),
      accepted,
      truths: new Map([...truths].flatMap(([name, truth]) => (truth === undefined ? [] : [[name, truth] as const]))),
    };
  };
};

/** Fields of what was brought that hold an answer, whatever kind the question asks for. */
const holding = async (
  fields: readonly Known[],
  memory: Trajectory["memory"],
  unit: string | undefined,
  isAnswer: (value: Field) => Promise<boolean>,
): Promise<readonly Brought[]> => {
  const brought: Brought[] = [];
  for (const { entry, name, field } of fields)
    if (await isAnswer(field))
      brought.push({
        field: `${memory[entry - 1]?.step.tool}.${name}`,
        kind: field.unit === undefined ? `a ${field.kind} without a unit` : `in ${field.unit}`,
        asked: unit ?? "anything",
        fits: fits(field, unit),
      });
  return brought;
};

/** What a planner sees of values, by the field and the calls that brought it. */
const casesIn = (
  memory: Trajectory["memory"],
  endAmong: (entries: readonly number[]) => Pick<Found, "early">,
): ReadonlyMap<string, Case> => {
  const cases = new Map<string, Case>();
  for (const [i, { step, observation }] of memory.entries())
    for (const [name, field] of observation.status === "ok" ? Object.entries(observation.fields) : []) {
      const value = caseOf(name, field);
      if (value === undefined) continue;
      const plan = planOf(step.raw, memory);
      const early = endAmong([...neededBy(step.raw, memory), i + 1]);
      cases.set(`${plan.join("; ")}.${name}`, { field: `${step.tool}.${name}`, value, plan, ...early });
    }
  return cases;
};

/** The calls of a walk that an action needs, with their references among each other, and then the action. */
const planOf = (action: string, memory: Trajectory["memory"]): readonly string[] => {
  const order = neededBy(action, memory);
  const renumbered = (text: string): string =>
    text.replace(/@(\d+)/g, (_, entry: string) => `@${order.indexOf(Number(entry)) + 1}`);
  return [...order.map((entry) => renumbered(memory[entry - 1]?.step.raw ?? "")), renumbered(action)];
};

/** Which of the question's numbers and dates one is: wordings name them in different places among other things. */
const placeOf = (reference: string, compared: readonly string[]): number =>
  [...new Set(compared.flatMap((subGoal) => / (q\d+)$/u.exec(subGoal)?.[1] ?? []))].sort().indexOf(reference);

/** Of two operands in both orders, one: all operations on two give the same either way. */
const inOrder = (subGoal: string): boolean => {
  const [, a = "", b = "~"] = subGoal.split(" ");
  return a.localeCompare(b, "en", { numeric: true }) < 0;
};

/** Whether the result of a calculation can be of the asked unit. */
const mayAnswer = (subGoal: string, fields: ReadonlyMap<string, Known>, unit: string | undefined): boolean => {
  const [operation = "", reference = ""] = subGoal.split(" ");
  const field = fields.get(reference)?.field;
  if (field === undefined) return false;
  if (operation === "days") return fits({ kind: "number", value: 0, unit: "day" }, unit);
  if (operation === "weekday") return fits({ kind: "text", value: "", unit: "weekday" }, unit);
  if (operation === "distance") return fits({ kind: "number", value: 0, unit: "km" }, unit);
  return fits(field, unit);
};

const calculationOf = (subGoal: string, fields: ReadonlyMap<string, Known>): AskedCalculation => {
  const [word = "", ...references] = subGoal.split(" ");
  const isText = word === "value" && fields.get(references[0] ?? "")?.field.kind === "text";
  const operation = isText ? VALUE_OF_TEXT : word;
  const names = references.map((reference) => fields.get(reference)?.name ?? reference);
  // The order of what is compared says which is the smaller one.
  return { operation, fields: Object.hasOwn(comparisons, operation) ? names : names.sort() };
};
