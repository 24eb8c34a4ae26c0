/**
 * What outsiders wrote never reaches a terminal as anything but letters. Every payload goes through every exit of the real
 * command (models, tools, pages, files, names, arguments, errors, prompts; with colour, without, as JSON): no control of its
 * own arrives, no line is forged, and JSON is still the same value. Each case also has to arrive, visibly.
 *
 *   npm run check:terminal [-- --n 43 --seed 7]     (n: payloads)
 */
import { type ChildProcess, execFile, fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Check, runAsScript } from "./checks/check.ts";
import type { Ended, Job } from "./checks/cli-driver.ts";
import { type Exit, hostilePlace } from "./checks/terminal-exits.ts";
import { controlsIn, FORGED, payloads, withoutOurs } from "./checks/terminal-payloads.ts";

/** Around the payload, to see that a case came to its exit. */
const [BEGIN, END] = ["Bgn", "Fin"];

/** The command in a child, one call after another. What the child writes past the command's own writer is `past`. */
const openDriver = async (folder: string, broken: boolean) => {
  const child: ChildProcess = fork(join(import.meta.dirname, "checks/cli-driver.ts"), broken ? ["--broken"] : [], {
    cwd: folder,
    execArgv: ["--import", import.meta.resolve("tsx")],
    env: { PATH: process.env.PATH, HOME: folder, TERM: "xterm" },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let past = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      past += text;
    });
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the command's process ended (${code}): ${past}`));
      child.once("exit", ended);
      child.once("message", (message) => {
        child.off("exit", ended);
        resolve(message);
      });
    });
  await next();
  return {
    call: ({ args, environment, terminal, typed }: Job): Promise<Ended> => {
      const ended = next();
      child.send({ args, environment, terminal, typed });
      return ended as Promise<Ended>;
    },
    past: () => past,
    close: () => child.kill(),
  };
};

/** What is wrong with what an exit wrote. */
const faultsOf = (exit: Exit, text: string, { stdout, stderr }: Ended): string[] => {
  const all = stdout + stderr;
  const faults = controlsIn(exit.terminal === true ? withoutOurs(all) : all).map((code) => `${code} arrives`);
  // A style of ours stands around a text, never in it.
  if (all.split("\n").some((line) => textsIn(line).some((inner) => inner.includes("\u001b"))))
    faults.push("a style arrives");
  if (exit.lines !== true && all.split("\n").some((line) => line.startsWith(FORGED))) faults.push("a line is forged");
  if (!all.includes(BEGIN)) faults.push(`the text does not arrive: ${JSON.stringify(all.slice(0, 120))}`);
  if (exit.json === true) faults.push(...jsonFaults(stdout, text));
  return faults;
};

/** What stands between the marks in a line. */
const textsIn = (line: string): string[] =>
  line
    .split(BEGIN)
    .slice(1)
    .flatMap((part) => (part.includes(END) ? [part.slice(0, part.indexOf(END))] : []));

const jsonFaults = (stdout: string, text: string): string[] => {
  try {
    return holds(JSON.parse(stdout), text) ? [] : ["JSON holds another value"];
  } catch (error) {
    return [`no JSON: ${String(error)}`];
  }
};

const holds = (value: unknown, text: string): boolean =>
  typeof value === "string"
    ? value.includes(text)
    : typeof value === "object" &&
      value !== null &&
      Object.entries(value)
        .flat()
        .some((inner) => holds(inner, text));

/** What Node itself would print of a project's code that dies where nobody awaits it. */
const endings: Readonly<Record<string, string>> = {
  "an error that nobody catches":
    "setTimeout(() => { throw error; }, 50); await new Promise((late) => setTimeout(late, 5000));",
  "a promise that nobody awaits": "Promise.reject(error); await new Promise((late) => setTimeout(late, 5000));",
  "a rejection without an error": "Promise.reject(text); await new Promise((late) => setTimeout(late, 5000));",
  "a warning": "process.emitWarning(error); await new Promise((late) => setTimeout(late, 50)); throw error;",
};

/** Runs the command as a process of its own, which ends so. */
const endedBy = async (folder: string, ending: string, text: string): Promise<Ended> => {
  const config = join(folder, "ending.config.mjs");
  writeFileSync(
    config,
    `const text = ${JSON.stringify(text)};\nconst error = new Error(text, { cause: new Error(text) });\n${ending}\nexport default {};\n`,
  );
  const main = join(import.meta.dirname, "../src/cli/main.ts");
  const args = ["--import", import.meta.resolve("tsx"), main, "solve", "?", "--config", config, "--no-store"];
  const env = { PATH: process.env.PATH, HOME: folder, AGENTFLOW_DEBUG: "1" };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, stdout, stderr }),
    );
  });
};

export const check: Check = {
  name: "terminal",
  n: Object.keys(payloads).length,
  brokenN: 1,
  run: async ({ n, broken }) => {
    const folder = mkdtempSync(join(tmpdir(), "agentflow-terminal-"));
    const driver = await openDriver(folder, broken);
    const failures: string[] = [];
    let cases = 0;
    let exits = 0;
    try {
      for (const [i, [name, payload]] of Object.entries(payloads).slice(0, n).entries()) {
        const text = `${BEGIN}${payload}${END}`;
        const place = await hostilePlace(text, join(folder, String(i)));
        exits = place.exits.length;
        try {
          for (const exit of place.exits) {
            cases += 1;
            const faults = faultsOf(exit, text, await driver.call(exit));
            if (faults.length > 0) failures.push(`${name} by ${exit.name}: ${faults.join("; ")}`);
          }
        } finally {
          await place.close();
        }
      }
      // The driver has a broken writer; a process of its own has not.
      for (const [name, ending] of broken ? [] : Object.entries(endings)) {
        cases += 1;
        const text = `${BEGIN}${Object.values(payloads).join("")}${END}`;
        const ended = await endedBy(folder, ending, text);
        const faults = faultsOf({ name, args: [] }, text, ended);
        if (ended.code === 0) faults.push("it does not fail");
        if (faults.length > 0) failures.push(`${name}: ${faults.join("; ")}`);
      }
      if (controlsIn(driver.past()).length > 0 || driver.past().includes(BEGIN))
        failures.push(`past the writer: ${JSON.stringify(driver.past().slice(0, 400))}`);
      return {
        n: cases,
        failed: failures.length,
        lines: [
          `${Math.min(n, Object.keys(payloads).length)} payloads by ${exits} exits, and ${Object.keys(endings).length} ways to die: ${failures.length} failures`,
          ...failures.slice(0, 20),
        ],
      };
    } finally {
      driver.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
