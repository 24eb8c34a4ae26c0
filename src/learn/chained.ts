import type { Random } from "../random.ts";
import type { Field } from "../tool.ts";
import { type MemoryEntry, stepOf, type Trajectory } from "../trajectory.ts";
import { type UnitWords, withFields } from "./asked-words.ts";
import { groupsOf } from "./fragments.ts";
import { mentioned, renumbered, wayTo } from "./planners/references.ts";
import { isName } from "./varied-exercises.ts";

/** Lookups that lead from one thing of a question to the field that it asks for. */
export interface Chain {
  /** What it begins with. */
  readonly name: string;
  /** They refer to each other (`@1` is the first of them) and to the thing as `q1`. */
  readonly calls: readonly MemoryEntry[];
  readonly field: string;
  readonly kind: Field["kind"];
  readonly unit: string | undefined;
}

/** What is done with values, and how these are come by. */
export interface Chains {
  /** Routes whose things are looked up at once, by what they calculate: what few of them do is drawn as often as the rest. */
  readonly hosts: readonly (readonly Trajectory[])[];
  /** By the calls and the field. */
  readonly chains: readonly (readonly Chain[])[];
}

/** What routes can be put together from. None of them decides. */
export const chainsIn = (routes: readonly Trajectory[]): Chains => {
  const chains = groupsOf(
    routes.flatMap((route) => chainIn(route) ?? []),
    ({ calls, field }) => [...calls.map(({ step }) => step.raw), field].join("; "),
  );
  const hosts = groupsOf(routes.filter(isDirect), ({ memory }) =>
    (memory.at(-1)?.step.subGoal ?? "").replace(/@\d+\.\S+/gu, "@"),
  );
  const ways = [...chains.values()].flatMap(([one]) => one ?? []);
  const told = [...chains.values()].filter(([one]) => one !== undefined && isTold(one, ways));
  return { hosts: [...hosts.values()], chains: told };
};

/**
 * Whether the thing and the field say which calls are meant: no earlier one brings a field of that name, as a country does
 * whose region has a population too, and no other way to one leads off on the way, as to the first and the last of a series.
 */
const isTold = ({ calls, field }: Chain, ways: readonly Chain[]): boolean => {
  const has = (at: number, name: string): boolean => {
    const observation = calls[at]?.observation;
    return observation?.status === "ok" && Object.hasOwn(observation.fields, name);
  };
  const leadsOff = (other: Chain): boolean => {
    const at = calls.findIndex(({ step }, i) => step.raw !== other.calls[i]?.step.raw);
    const references = [...(other.calls[at]?.step.subGoal ?? "").matchAll(/@(\d+)\.(\S+)/gu)];
    return references.length > 0 && references.every(([, entry, name = ""]) => has(Number(entry) - 1, name));
  };
  return (
    !calls.slice(0, -1).some((_, at) => has(at, field)) &&
    !ways.some((other) => other.field === field && leadsOff(other))
  );
};

/** The one field that a route's last call calculates with, and the entries that it takes it from. */
const operandsIn = ({
  memory,
}: Trajectory): { readonly field: string; readonly entries: readonly number[] } | undefined => {
  const references = [...(memory.at(-1)?.step.subGoal ?? "").matchAll(/@(\d+)\.(\S+)/gu)];
  const [field] = references.map(([, , name = ""]) => name);
  if (field === undefined || references.some(([, , name]) => name !== field)) return undefined;
  return { field, entries: references.map(([, entry]) => Number(entry)) };
};

const chainIn = ({ analysis, memory, ...route }: Trajectory): Chain | undefined => {
  const operands = operandsIn({ analysis, memory, ...route });
  const [last] = operands?.entries ?? [];
  if (operands === undefined || last === undefined) return undefined;
  const way = wayTo(last, memory);
  const observation = memory[last - 1]?.observation;
  const brought = observation?.status === "ok" ? observation.fields[operands.field] : undefined;
  if (way === undefined || brought === undefined) return undefined;
  return {
    name: analysis.entities[way.thing - 1] ?? "",
    calls: way.calls,
    field: operands.field,
    kind: brought.kind,
    unit: brought.unit,
  };
};

/** Whether a route calculates with what is looked up by what the question mentions, and with nothing else. */
const isDirect = ({ memory }: Trajectory): boolean =>
  memory.length > 1 && memory.slice(0, -1).every(({ step }) => /^q\d+$/.test(step.subGoal));

/** Of pairs that are drawn, many do not fit. */
const MOST_TRIES = 12;

/**
 * A route that asks the same of other things: the field at the end of another route's chain, which is looked up from each
 * thing. "How far apart are the prices of q1 and q2" becomes "how far apart are the deliveries of q1 and q2", with the
 * calls that lead to a delivery. So what is done with values and how these are come by are learnt each for itself.
 * Undefined where the question does not name its field or its unit, or the fields are of different kinds.
 */
export const chained = ({ hosts, chains }: Chains, draws: Random, words?: UnitWords): Trajectory | undefined => {
  if (hosts.length === 0 || chains.length === 0) return undefined;
  for (let i = 0; i < MOST_TRIES; i += 1) {
    const made = withChain(draws.pick(draws.pick(hosts)), draws.pick(chains), draws, words);
    if (made !== undefined) return made;
  }
  return undefined;
};

const withChain = (
  host: Trajectory,
  donors: readonly Chain[],
  draws: Random,
  words: UnitWords | undefined,
): Trajectory | undefined => {
  const operands = operandsIn(host);
  const { analysis, memory } = host;
  const observation = memory[(operands?.entries[0] ?? 0) - 1]?.observation;
  const from = observation?.status === "ok" ? observation.fields[operands?.field ?? ""] : undefined;
  if (operands === undefined || from === undefined) return undefined;
  const [to] = donors;
  const own = operands.entries.map((entry) => memory[entry - 1]?.step.tool);
  if (to === undefined || to.kind !== from.kind) return undefined;
  const isSame = to.field === operands.field;
  if (isSame && to.calls.length === 1 && own.includes(to.calls[0]?.step.tool)) return undefined;
  const fields = new Map([[operands.field, to.field]]);
  const asked = withFields(analysis, [operands.field], fields, [from.unit, to.unit], words);
  if (!isSame && asked.template === analysis.template) return undefined;

  const entities = [...analysis.entities];
  const made: MemoryEntry[] = [];
  const placeOf = new Map<number, number>();
  for (const entry of operands.entries) {
    const chain = draws.pick(donors);
    const [thing = 1] = mentioned(memory[entry - 1]?.step.subGoal ?? "");
    if (isName(entities[thing - 1] ?? "")) entities[thing - 1] = chain.name;
    const before = made.length;
    for (const call of chain.calls)
      made.push({
        ...call,
        step: renumbered(
          call.step,
          (one) => before + one,
          () => thing,
        ),
      });
    placeOf.set(entry, made.length);
  }
  const last = memory.at(-1);
  if (last === undefined) return undefined;
  const subGoal = last.step.subGoal.replace(
    /@(\d+)\.\S+/gu,
    (_, entry: string) => `@${placeOf.get(Number(entry))}.${to.field}`,
  );
  made.push({ ...last, step: stepOf(`${last.step.tool} ${subGoal}`) });
  const { unit: _, ...rest } = analysis;
  const turns = (memory[0]?.turnsLeft ?? 0) + made.length - memory.length;
  return {
    ...host,
    analysis: { ...rest, ...asked, entities },
    memory: made.map((entry, i) => ({ ...entry, index: i + 1, turnsLeft: Math.max(0, turns - i) })),
  };
};
