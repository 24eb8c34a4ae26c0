import type { GroupStep, GroupTurns } from "./types.ts";

type Rollout = GroupTurns["rollouts"][number];

/** A state that some rollouts of a group shared: what they had done until then, and what had come of it. */
export interface TreeNode {
  /** The turn that led here; undefined at the root, which is the question. */
  readonly step: GroupStep | undefined;
  readonly depth: number;
  /** Those that came through here, by their places in the group. */
  readonly through: readonly number[];
  /** Those that ended here. */
  readonly ended: readonly { readonly place: number; readonly rollout: Rollout }[];
  readonly children: readonly TreeNode[];
}

const keyOf = ({ tool, subGoal, status, text }: GroupStep): string => JSON.stringify([tool, subGoal, status, text]);

/** The tree of the states of a group: rollouts share a state as long as they did the same and saw the same. */
export const treeOf = (rollouts: readonly Rollout[]): TreeNode =>
  nodeOf(
    undefined,
    0,
    rollouts.map((rollout, place) => ({ place, rollout })),
  );

const nodeOf = (
  step: GroupStep | undefined,
  depth: number,
  members: readonly { readonly place: number; readonly rollout: Rollout }[],
): TreeNode => {
  const groups = new Map<string, { readonly place: number; readonly rollout: Rollout }[]>();
  for (const member of members) {
    const next = member.rollout.steps[depth];
    if (next === undefined) continue;
    const key = keyOf(next);
    groups.set(key, [...(groups.get(key) ?? []), member]);
  }
  return {
    step,
    depth,
    through: members.map(({ place }) => place),
    ended: members.filter(({ rollout }) => rollout.steps.length <= depth),
    children: [...groups.values()]
      .sort((a, b) => b.length - a.length)
      .map((group) => nodeOf(group[0]?.rollout.steps[depth], depth + 1, group)),
  };
};

/** The mean reward of some rollouts; undefined where none has one. */
export const meanReward = (rollouts: readonly Rollout[]): number | undefined => {
  const known = rollouts.flatMap(({ reward }) => (reward === null ? [] : [reward]));
  return known.length === 0 ? undefined : known.reduce((sum, one) => sum + one, 0) / known.length;
};
