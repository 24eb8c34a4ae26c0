import { ConfigError } from "../errors.ts";
import { random, randomKey } from "../random.ts";
import { type Query, queryOf, type Reward, type Task } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";

/** A task of the stream: scored by its sealed part, or by the judgements on its answers. */
export type Streamed<Sealed> =
  | { readonly kind: "scored"; readonly task: Task<Sealed> }
  | { readonly kind: "judged"; readonly judgements: Map<string, number> };

export interface TaskStreamOptions<Sealed> {
  /** Of the tasks that are added with a sealed part. */
  readonly reward: Reward<Sealed>;
  /** The newest tasks, of which half of what is replayed comes. */
  readonly recent: number;
  /** All tasks that are kept. */
  readonly capacity: number;
  /** Answered questions that can still be judged. */
  readonly unjudged: number;
  readonly seed: number;
}

/** What came while a flow served: tasks to learn from, and answers that somebody may still judge. */
export interface TaskStream<Sealed> {
  add(task: Task<Sealed>): void;
  /** Remembers an answer, so that it can be judged. */
  answered(trajectory: Pick<Trajectory, "id" | "answer">, query: Query): void;
  /** Returns false for an id that is not known (any more). Throws `ConfigError` for a reward outside [0, 1]. */
  feedback(trajectoryId: string, reward: number): boolean;
  /** Tasks since the last `draw`. */
  readonly waiting: number;
  /** The tasks of a round, by index. Half of them are new; the other half keeps what was learnt before. */
  draw(round: number): (index: number) => Task<Streamed<Sealed>>;
  /** What an answer to a task of the stream is worth. */
  readonly worth: Reward<Streamed<Sealed>>;
}

export const taskStream = <Sealed>(options: TaskStreamOptions<Sealed>): TaskStream<Sealed> => {
  const { reward, recent, capacity, unjudged, seed } = options;
  /** Question → what its answers were worth, of those that are kept. */
  const judged = new Map<string, Map<string, number>>();
  let newest: Task<Streamed<Sealed>>[] = [];
  const sample: Task<Streamed<Sealed>>[] = [];
  const answered = new Map<string, { readonly query: Query; readonly answer: string; readonly isJudged: boolean }>();
  let came = 0;
  let waiting = 0;

  const enter = (query: Query, sealed: Streamed<Sealed>): void => {
    const task = { ...queryOf(query), sealed };
    newest = [...newest, task].slice(-recent);
    // A uniform sample of all that came: the n-th replaces a random one with probability capacity/n.
    const place = came < capacity ? came : random(randomKey(seed, "reservoir", came)).below(came + 1);
    if (place < capacity) {
      const gone = sample[place];
      sample[place] = task;
      if (gone !== undefined) judged.delete(gone.question);
    }
    came += 1;
    waiting += 1;
  };

  return {
    add: (task) => enter(task, { kind: "scored", task }),
    answered: ({ id, answer }, query) => {
      if (answer === undefined) return;
      answered.set(id, { query, answer, isJudged: false });
      const [oldest] = answered.keys();
      if (answered.size > unjudged && oldest !== undefined) answered.delete(oldest);
    },
    feedback: (trajectoryId, value) => {
      if (!(value >= 0 && value <= 1)) throw new ConfigError(`The reward is ${value}: it must lie in [0, 1].`);
      const given = answered.get(trajectoryId);
      if (given === undefined) return false;
      const { query, answer, isJudged } = given;
      const judgements = judged.get(query.question) ?? new Map<string, number>();
      judgements.set(answer.trim(), value);
      // The last word on an answer holds, and its first one alone is waited for: a round is not begun by one person's doubts.
      answered.set(trajectoryId, { ...given, isJudged: true });
      if (judged.has(query.question)) waiting += isJudged ? 0 : 1;
      else {
        judged.set(query.question, judgements);
        enter(query, { kind: "judged", judgements });
      }
      return true;
    },
    get waiting() {
      return waiting;
    },
    draw: (round) => {
      if (sample.length === 0) throw new ConfigError("There is nothing to learn from yet: no task has come.");
      waiting = 0;
      return (index) => random(randomKey(seed, "online", round, index)).pick(index % 2 === 0 ? newest : sample);
    },
    worth: ({ sealed }, answer, cost) => {
      if (sealed.kind === "scored") return reward(sealed.task, answer, cost);
      if (answer === undefined) return 0;
      const known = sealed.judgements.get(answer.trim());
      return known ?? ([...sealed.judgements.values()].includes(1) ? 0 : undefined);
    },
  };
};
