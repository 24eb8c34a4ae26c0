import { BudgetError, EngineError, ModelError } from "../errors.ts";
import type { CallPlace, ReplyLog } from "../reply-log.ts";
import type { Redactor } from "../secrets/redact.ts";
import type { Observation } from "../trajectory.ts";
import type { Spent, Usage } from "../usage.ts";
import type { SolveMeter } from "./meter.ts";

interface Asking {
  readonly replies: ReplyLog;
  readonly redact: Redactor | undefined;
  readonly meter: SolveMeter;
  readonly usage: Usage;
  /** Makes the call. */
  readonly ask: () => Promise<Observation>;
}

/** The reply that a call got when it was made before, or the tool's, which is kept before it is used. */
export const keptReply = async (
  { replies, redact, meter, usage, ask }: Asking,
  place: CallPlace,
): Promise<Observation> => {
  const { known, keep } = await replies.open(place);
  if (known !== undefined) {
    meter.charge(known.spent ?? {});
    if ("observation" in known) return known.observation;
    const { kind, message } = known.failure;
    throw kind === "budget" ? new BudgetError(message) : new ModelError(message);
  }
  const before = { ...usage };
  const spent = (): { readonly spent?: Spent } => spentSince(before, usage);
  try {
    const observation = await ask();
    await keep({ observation, ...spent() });
    return observation;
  } catch (thrown) {
    const kind = thrown instanceof BudgetError ? "budget" : "model";
    if (thrown instanceof BudgetError || thrown instanceof ModelError || thrown instanceof EngineError)
      await keep({ failure: { kind, message: redact?.(thrown.message) ?? thrown.message }, ...spent() });
    throw thrown;
  }
};

const counted = ["promptTokens", "cachedTokens", "sampledTokens", "dollars", "toolDollars"] as const;

/** What a call has used of the solve's budget; nothing where it was free. */
const spentSince = (before: Usage, now: Usage): { readonly spent?: Spent } => {
  const used = counted.flatMap((name) => (now[name] > before[name] ? [[name, now[name] - before[name]] as const] : []));
  return used.length === 0 ? {} : { spent: Object.fromEntries(used) };
};
