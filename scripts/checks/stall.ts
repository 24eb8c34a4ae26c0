import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One way in for a hostile text. It reads the text as outsiders' text is read, and may refuse it with a typed error. */
export interface Entrance {
  readonly name: string;
  /** Its deadline. @default 3 */
  readonly seconds?: number;
  run(signal: AbortSignal): unknown;
}

/** Longest time for which other work may wait, in milliseconds of processor time, on a machine at its usual pace. */
const LONGEST_HOLD = 100;
/** What the child's plain work takes at the usual pace, in milliseconds of processor time. */
const USUAL_PACE = 12;
/** Time that a text has, in seconds, and how much later it may end at most, in milliseconds. */
export const DEADLINE = 3;
const GRACE = 1000;
/** A child that does not answer for this long is held, and ended. */
const KILL_AFTER = 12_000;

/** What the child says of a case. */
export interface Measured {
  readonly name: string;
  /** Longest time in which no timer had its turn: of the wall and of the processor, the smaller one. */
  readonly held: number;
  /** From its deadline to its end; below 0 for one that ended in time. */
  readonly late: number;
  /** What a piece of plain work took just after it, in milliseconds of processor time. */
  readonly pace: number;
  /** What it threw, where that is not a typed error. */
  readonly untyped?: string;
}

/** Whose entrances a child runs. */
export type Suite = "now" | "before";

/** A process of its own, in which cases run one after the other: this one sees a hold while it lasts. */
class Child {
  readonly #process: ChildProcess;
  readonly #ready: Promise<void>;
  #ended = false;

  constructor(suite: Suite, folder: string) {
    this.#process = fork(fileURLToPath(new URL("stall-child.ts", import.meta.url)), [suite], {
      execArgv: ["--import", import.meta.resolve("tsx")],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, TMPDIR: folder },
    });
    this.#ready = new Promise((resolve) => {
      this.#process.once("message", () => resolve());
      this.#process.once("exit", () => {
        this.#ended = true;
        resolve();
      });
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Undefined when it did not answer in time; it is then ended. */
  async measure(name: string): Promise<Measured | undefined> {
    await this.#ready;
    const measured = await new Promise<Measured | undefined>((resolve) => {
      const settle = (found?: Measured): void => {
        clearTimeout(timer);
        this.#process.off("message", settle).off("exit", gone);
        resolve(found);
      };
      const gone = (): void => settle();
      const timer = setTimeout(gone, KILL_AFTER);
      this.#process.on("message", settle).on("exit", gone);
      if (this.#ended) gone();
      else this.#process.send(name);
    });
    if (measured === undefined) this.end();
    return measured;
  }

  end(): void {
    this.#ended = true;
    this.#process.kill("SIGKILL");
  }
}

const faultOf = (name: string, measured: Measured | undefined): string | undefined => {
  if (measured === undefined) return `${name}: held for more than ${KILL_AFTER / 1000} s, or ended the process`;
  const { held, late, pace, untyped } = measured;
  if (held > LONGEST_HOLD * Math.max(1, pace / USUAL_PACE)) return `${name}: held for ${Math.round(held)} ms`;
  if (late > GRACE) return `${name}: ended ${Math.round(late)} ms after its deadline`;
  return untyped === undefined ? undefined : `${name}: ${untyped}`;
};

/** Runs the cases; what fails is run once more, for other processes may have been in the way. */
export const findStalls = async (suite: Suite, names: readonly string[]): Promise<string[]> => {
  const faults: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "agentflow-stalls-"));
  let child = new Child(suite, folder);
  const judge = async (name: string): Promise<string | undefined> => {
    if (child.ended) child = new Child(suite, folder);
    return faultOf(name, await child.measure(name));
  };
  try {
    for (const name of names) {
      const fault = (await judge(name)) && (await judge(name));
      if (fault !== undefined) faults.push(fault);
    }
    return faults;
  } finally {
    child.end();
    rmSync(folder, { recursive: true, force: true });
  }
};
