import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Attack, CANARY } from "../escape.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const SECONDS = 60;

/** The first line that looks like a reply: a runner that takes it so can be lied to. */
const replyIn = (output: string): string | undefined => {
  for (const line of output.split("\n")) {
    const text = line.slice(line.indexOf("{"));
    if (!text.startsWith('{"value":')) continue;
    const { value } = JSON.parse(text) as { value: string };
    return value;
  }
  return undefined;
};

/** Runs programs one after another in children without a guard; a child that dies is followed by a new one. */
const runAll = async (attacks: readonly Attack[], start: () => ChildProcess): Promise<readonly string[]> => {
  const values: string[] = [];
  while (values.length < attacks.length) {
    const child = start();
    await new Promise<void>((ended) => {
      let output = "";
      let running = false;
      let timer: NodeJS.Timeout | undefined;
      const settle = (otherwise: string) => {
        clearTimeout(timer);
        if (running) values.push(replyIn(output) ?? otherwise);
        running = false;
        output = "";
      };
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
      child.on("message", () => {
        // The reply may come later than the message: both go their own way.
        setTimeout(() => {
          settle("no reply");
          const next = attacks[values.length];
          if (next === undefined) child.kill("SIGKILL");
          else {
            running = true;
            child.send(next.code);
            timer = setTimeout(() => child.kill("SIGKILL"), SECONDS * 1000);
          }
        }, 20);
      });
      child.on("close", () => {
        settle("died");
        ended();
      });
    });
  }
  return values;
};

/** What programs give in Pyodide as it comes. Standard input holds the canary, so that reading it shows. */
export const inBarePyodide = async (attacks: readonly Attack[]): Promise<readonly string[]> => {
  const folder = mkdtempSync(join(tmpdir(), "agentflow-bare-"));
  const input = join(folder, "input");
  writeFileSync(input, `${CANARY}\n`.repeat(1000));
  const start = (): ChildProcess => {
    const stdin = openSync(input, "r");
    const child = spawn(process.execPath, [here("pyodide-as-shipped.mjs")], {
      stdio: [stdin, "pipe", "ignore", "ipc"],
    });
    closeSync(stdin);
    return child;
  };
  try {
    const half = Math.ceil(attacks.length / 2);
    const [first, second] = await Promise.all([
      runAll(attacks.slice(0, half), start),
      runAll(attacks.slice(half), start),
    ]);
    return [...first, ...second];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** What programs give in this machine's Python, each in a process of its own below a shell that knows the secret. */
export const inBarePython = async (attacks: readonly Attack[]): Promise<readonly string[]> => {
  const folder = mkdtempSync(join(tmpdir(), "agentflow-bare-"));
  const [program, input] = [join(folder, "program.py"), join(folder, "input")];
  writeFileSync(input, `${CANARY}\n`.repeat(10));
  const values: string[] = [];
  try {
    for (const { code } of attacks) {
      writeFileSync(program, code);
      const command = '(python3 "$0" "$1" < "$2"; true) | cat';
      values.push(
        await new Promise((ended) => {
          execFile(
            "sh",
            ["-c", command, here("python-as-shipped.py"), program, input],
            { timeout: SECONDS * 1000, killSignal: "SIGKILL" },
            (_, stdout, stderr) => ended(replyIn(stdout) ?? `no reply: ${stderr.slice(-200)}`),
          );
        }),
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return values;
};
