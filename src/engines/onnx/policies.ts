import type { Policy, PolicyOptions } from "../../engine.ts";

/** Runs one native call of a kind at a time: two would share the same memory. */
export const oneAtATime = (): {
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  /** Resolves when none is. */
  readonly idle: () => Promise<void>;
} => {
  let last: Promise<unknown> = Promise.resolve();
  return {
    exclusive: (work) => {
      const mine = last.then(work, work);
      last = mine.catch(() => undefined);
      return mine;
    },
    // A call that has ended may have begun the next one by the time that this is known.
    idle: async () => {
      for (let seen: unknown; seen !== last; await seen) seen = last;
    },
  };
};

/** The policies of an engine by name, each made when it is first asked for. */
export const policiesByName = (
  make: (name: string, options: PolicyOptions) => Policy,
): ((name: string, options?: PolicyOptions) => Policy) => {
  const made = new Map<string, Policy>();
  return (name, options = {}) => {
    const policy = made.get(name) ?? make(name, options);
    made.set(name, policy);
    return policy;
  };
};
