import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** What a run of a check counted. */
export interface Counted {
  /** Trials. */
  readonly n: number;
  readonly failed: number;
  /** Figures and failures, for people. */
  readonly lines: readonly string[];
}

export interface CheckOptions {
  readonly n: number;
  readonly seed: number;
  /** Runs the variant without the guard that is checked: it has to fail. */
  readonly broken: boolean;
}

/** A promise with its figures. */
export interface Check {
  readonly name: string;
  /** Trials by default. */
  readonly n: number;
  /** Trials of the broken variant. */
  readonly brokenN: number;
  run(options: CheckOptions): Promise<Counted>;
}

/** With no failure in n trials, the rate of failures is below 3/n with 95 % confidence. */
const boundOf = ({ n, failed }: Pick<Counted, "n" | "failed">): number => (failed === 0 ? 3 / n : failed / n);

/**
 * Runs a check from the command line: first the broken variant, which must be caught, then the real thing. The last line
 * is one JSON object; the exit code is 1 when something failed.
 */
export const runAsScript = async (check: Check, url: string): Promise<void> => {
  if (process.argv[1] === undefined || pathToFileURL(process.argv[1]).href !== url) return;
  const { values } = parseArgs({
    options: { n: { type: "string", default: String(check.n) }, seed: { type: "string", default: "7" } },
  });
  const [n, seed] = [Number(values.n), Number(values.seed)];
  if (!Number.isInteger(n) || n < 1 || !Number.isInteger(seed)) {
    console.error(`check:${check.name}: --n is a whole number above 0, --seed a whole number.`);
    process.exit(2);
  }
  const broken = await check.run({ n: check.brokenN, seed, broken: true });
  console.log(
    `without the guard: ${broken.failed} of ${broken.n} fail${broken.failed === 0 ? ", so this check cannot fail" : ""}`,
  );
  if (broken.failed === 0) for (const line of broken.lines) console.log(line);
  const counted = await check.run({ n, seed, broken: false });
  for (const line of counted.lines) console.log(line);
  const caught = broken.failed > 0;
  const { failed } = counted;
  console.log(
    JSON.stringify({
      check: check.name,
      n: counted.n,
      failed: caught ? failed : counted.n,
      bound: boundOf(counted),
      seed,
      brokenCaught: caught,
    }),
  );
  process.exit(caught && failed === 0 ? 0 : 1);
};
