import type { Clock } from "../clock.ts";
import type { PromptForm } from "../flow/model/prompt-form.ts";
import type { ReplyLog } from "../reply-log.ts";
import { answeredOnce } from "../workers/calls.ts";
import { createDispatcher } from "../workers/dispatcher.ts";
import type { QueueRun, RolloutQueue } from "../workers/queue.ts";
import { aboutEngine, type EngineAbout } from "../workers/worker-engine.ts";
import type { Emit } from "./event.ts";
import type { Recipe } from "./recipe.ts";
import type { LearnSettings } from "./settings.ts";
import type { Learning } from "./start.ts";

/** What a run tells its workers, so that their flows are its own. */
export interface RunAbout {
  readonly protocol: 2;
  readonly run: string;
  readonly settings: LearnSettings;
  /** The recipe that was asked for. */
  readonly recipe?: Recipe | undefined;
  readonly environment: { readonly name: string; readonly hash: string };
  readonly planner: {
    readonly name: string;
    readonly prompt?: PromptForm | undefined;
    readonly verdicts?: boolean | undefined;
    readonly turnsLeft?: boolean | undefined;
    readonly marked?: boolean | undefined;
    readonly references?: Recipe["references"] | undefined;
    /** A tokenizer.json, of a planner that was made for the tools. */
    readonly tokenizer?: unknown;
  };
  readonly engine: EngineAbout;
  /** Seconds without a sign of life after which a worker is lost. */
  readonly leaseSeconds: number;
}

export interface OfferParts {
  readonly queue: RolloutQueue;
  readonly run: QueueRun;
  readonly settings: LearnSettings;
  readonly recipe: Recipe | undefined;
  readonly learning: Learning;
  /** Absent where a run does not repeat anyway. */
  readonly replies: ReplyLog | undefined;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** A run whose solves are done by workers, and how that ends. */
export interface Offered {
  readonly learning: Learning;
  close(): Promise<void>;
}

/** Workers that a solve may lose. */
const ATTEMPTS = 5;

/**
 * Offers all solves of evaluations and of training to workers. Rewards, groups and weights stay here: a worker gets a query
 * and gives a trajectory, each solve counts once, and its random numbers are those of its place, whoever does it.
 */
export const offerRollouts = async (parts: OfferParts): Promise<Offered> => {
  const { queue, run, settings, recipe, learning, replies, emit, clock } = parts;
  const { leaseSeconds = 15 } = queue;
  const { engine, environment, planner, policies, prompt, verdicts, turnsLeft, marked, references, tokenizer } =
    learning;
  const about: RunAbout = {
    protocol: 2,
    run: run.id,
    settings,
    recipe,
    environment: { name: environment.name, hash: environment.hash },
    planner: { name: planner.name, prompt, verdicts, turnsLeft, marked, references, tokenizer },
    engine: aboutEngine(engine, policies),
    leaseSeconds,
  };
  const dispatcher = createDispatcher({
    about: { ...about },
    policy: (name) => engine.policy(name),
    replies,
    clock,
    leaseSeconds,
    attempts: ATTEMPTS,
    onLost: (worker, solves) =>
      emit({ type: "stage", stage: `the worker ${worker} is gone: ${solves} solves are done again` }),
  });
  const open = await queue.open(
    run,
    answeredOnce((worker, what) => dispatcher.handle(worker, what), { clock }),
  );
  emit({ type: "stage", stage: `waiting for workers: agentflow worker ${open.address}` });
  const { practice, flow, flowBefore } = learning;
  const offered = dispatcher.flow("training", practice.flow);
  return {
    learning: {
      ...learning,
      flow: dispatcher.flow("evaluation", flow),
      flowBefore: dispatcher.flow("before", flowBefore),
      practice: { ...practice, flow: offered },
    },
    close: async () => {
      dispatcher.close();
      await open.close();
    },
  };
};
