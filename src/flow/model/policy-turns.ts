import type { Policy, PromptSegment, SampleRequest } from "../../engine.ts";
import type { ModuleContext, TokenCount } from "../../module.ts";
import { deriveKey } from "../../random.ts";
import type { TrainedTurn } from "../../trajectory.ts";

/** What a trained module sampled in one turn. */
export interface PolicyTurn {
  /** Without the token that ended it. */
  readonly text: string;
  /** Whether it ended by itself, not by the limit. */
  readonly ended: boolean;
  readonly sampled: TrainedTurn;
  readonly tokens: TokenCount;
}

/** The turns that a module samples from its policy. A solve stays on the version that it began with. */
export interface PolicyTurns {
  /** Turns that this module sampled earlier in the trajectory. */
  earlier(context: ModuleContext): readonly TrainedTurn[];
  sample(
    turn: number,
    prompt: readonly PromptSegment[],
    request: Pick<SampleRequest, "maxTokens" | "stopIds" | "temperature" | "grammar">,
    context: ModuleContext,
  ): Promise<PolicyTurn>;
  /** Drops the cache and lets the version of a solve go. */
  release(history: string): void;
}

/** `historyOf` names the module's cache after the trajectory's. */
export const policyTurns = (
  policy: Policy,
  module: string,
  historyOf: (history: string) => string = (history) => history,
): PolicyTurns => {
  const held = new Map<string, { readonly version: string; readonly letGo: () => void }>();
  const pin = (history: string): string => {
    const pinned = held.get(history) ?? { version: policy.version, letGo: policy.hold(policy.version) };
    held.set(history, pinned);
    return pinned.version;
  };
  return {
    earlier: ({ turns }) => turns.filter((turn) => turn.module === module && turn.policy === policy.name),
    sample: async (turn, prompt, request, { history, randomKey, versions, abortSignal }) => {
      const sample = await policy.sample({
        ...request,
        prompt,
        history: historyOf(history),
        randomKey: deriveKey(randomKey, module, policy.name, turn),
        version: versions[policy.name] ?? pin(history),
        abortSignal,
      });
      const ended = request.stopIds.includes(sample.ids.at(-1) ?? -1);
      return {
        text: policy.engine.tokenizer.decode(ended ? sample.ids.slice(0, -1) : sample.ids),
        ended,
        sampled: {
          module,
          policy: policy.name,
          version: sample.version,
          turn,
          prompt,
          ids: sample.ids,
          behaviourLogProbs: sample.logProbs,
          ...(sample.exact ? {} : { inexact: true }),
        },
        tokens: { prompt: prompt.reduce((sum, { ids }) => sum + ids.length, 0), sampled: sample.ids.length },
      };
    },
    release: (history) => {
      held.get(history)?.letGo();
      held.delete(history);
      policy.release(historyOf(history));
    },
  };
};
