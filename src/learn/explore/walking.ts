import type { FlowState, Planner } from "../../module.ts";
import { deriveKey, type Random, random } from "../../random.ts";
import { stepOf } from "../../trajectory.ts";
import { knownFields } from "../planners/candidates.ts";
import { allowedCalls, beginningsOf, type Fits, isValid, JOINED, type ValidCall } from "./valid-calls.ts";

/** Hopeful calls from one source that may be in vain, until it is a source like any other. */
const MOST_HOPES = 4;

/** A call that a walk makes next. */
interface Chosen {
  readonly tool: string;
  readonly call: ValidCall;
}

/** What calls have shown, for all walks. */
interface Tried {
  readonly fits: Fits;
  /** What came of calls with arguments from there. */
  of(tool: string, call: ValidCall): { tries: number; ok: number };
  /** Whether the arguments of a call from where none has worked are worth a try: each has worked there, or comes from where such have. */
  isHopeful(tool: string, call: ValidCall): boolean;
}

/** Which call of the open tools to make next; undefined where there is none. */
type Choose = (tried: Tried, state: FlowState, draws: Random, open: readonly string[]) => Chosen | undefined;

/** A planner that calls what is chosen, and notes what came of it in `fits`, and in `taken` what worked. */
export const walking = (
  calculators: ReadonlySet<string>,
  fits: Fits,
  taken: Set<string>,
): ((choose: Choose) => Planner) => {
  /** Values that calls have worked with, and where they come from as well, by tool and place of the argument. */
  const worked = new Map<string, Set<string>>();
  const sources = new Map<string, Set<string>>();
  /** Where values were seen, by value. */
  const seenIn = new Map<string, Set<string>>();
  /** How often hopeful calls with arguments from there were in vain. */
  const vain = new Map<string, number>();
  const add = (sets: Map<string, Set<string>>, name: string, one: string): void =>
    void sets.set(name, (sets.get(name) ?? new Set()).add(one));
  const nameOf = (tool: string, call: ValidCall): string => `${tool}: ${call.sources}`;
  const tried: Tried = {
    fits,
    of: (tool, call) => {
      const name = nameOf(tool, call);
      const entry = fits.get(name) ?? { tries: 0, ok: 0 };
      fits.set(name, entry);
      return entry;
    },
    isHopeful: (tool, call) => {
      if ((fits.get(nameOf(tool, call))?.ok ?? 0) > 0 || (vain.get(nameOf(tool, call)) ?? 0) >= MOST_HOPES)
        return false;
      const from = call.sources.split(JOINED);
      const all = (known: ReadonlyMap<string, ReadonlySet<string>>, names: readonly string[]): boolean =>
        names.every((name, i) => known.get(`${tool} ${i}`)?.has(name) === true);
      return all(sources, from) || (call.values.length > 1 && all(worked, call.values));
    },
  };
  return (choose) => {
    /** What the last call of each walk under way was. */
    const pending = new Map<string, Chosen & { readonly hopeful: boolean }>();
    const settle = (history: string, { memory }: Pick<FlowState, "memory">): void => {
      const last = pending.get(history);
      pending.delete(history);
      if (last === undefined) return;
      const { tool, call, hopeful } = last;
      if (memory.at(-1)?.observation.status !== "ok") {
        if (hopeful) vain.set(nameOf(tool, call), (vain.get(nameOf(tool, call)) ?? 0) + 1);
        return;
      }
      tried.of(tool, call).ok += 1;
      for (const [i, value] of call.values.entries()) {
        add(worked, `${tool} ${i}`, value);
        taken.add(value);
        for (const source of seenIn.get(value) ?? []) add(sources, `${tool} ${i}`, source);
      }
    };
    return (state, { history, randomKey: key }) => {
      settle(history, state);
      for (const { entry, name, field } of knownFields(state))
        add(seenIn, String(field.value), `${state.memory[entry - 1]?.step.tool}.${name}`);
      const open = Object.keys(state.tools).filter((tool) => !calculators.has(tool));
      const chosen = choose(tried, state, random(deriveKey(key, "explore", state.turn)), open);
      if (chosen === undefined) return { step: stepOf(""), error: "There is no further call." };
      const { tool, call } = chosen;
      pending.set(history, { ...chosen, hopeful: tried.isHopeful(tool, call) });
      tried.of(tool, call).tries += 1;
      return { step: stepOf(`${tool} ${call.subGoal}`) };
    };
  };
};

/** Each tool alike, with arguments from where they were taken least often: so it is found out what works. */
export const leastTried: Choose = (tried, state, draws, open) => {
  const fields = knownFields(state);
  const callable = open
    .map((tool) => ({ tool, calls: allowedCalls(state.tools, tool, state, fields) }))
    .filter(({ calls }) => calls.length > 0);
  if (callable.length === 0) return undefined;
  const { tool, calls } = draws.pick(callable);
  const worth = (call: ValidCall): number => {
    const { tries, ok } = tried.of(tool, call);
    if (tried.isHopeful(tool, call)) return -2;
    // Half of the time it continues from what works: that leads further.
    return ok > 0 && draws.next() < 0.5 ? -1 : tries;
  };
  const ranked = draws.shuffle(calls).map((call) => ({ call, rank: worth(call) }));
  return { tool, call: ranked.reduce((best, one) => (one.rank < best.rank ? one : best)).call };
};

/** Each tool alike, with arguments from where they have worked, or that are hopeful. */
export const whatWorks: Choose = (tried, state, draws, open) => {
  const fields = knownFields(state);
  const known = beginningsOf(tried.fits);
  const callable = open
    .map((tool) => {
      const hopeful = allowedCalls(state.tools, tool, state, fields).filter((call) => tried.isHopeful(tool, call));
      const valid = allowedCalls(state.tools, tool, state, fields, known).filter((call) =>
        isValid(tried.fits, tool, call),
      );
      return { tool, calls: hopeful.length > 0 ? hopeful : valid };
    })
    .filter(({ calls }) => calls.length > 0);
  if (callable.length === 0) return undefined;
  const { tool, calls } = draws.pick(callable);
  const sources = draws.pick([...new Set(calls.map((call) => call.sources))]);
  return { tool, call: draws.pick(calls.filter((call) => call.sources === sources)) };
};
