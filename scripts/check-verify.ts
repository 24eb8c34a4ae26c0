/**
 * `runs verify` names what was altered in a run's folder: one alteration a file and kind. Each is looked for twice: by the
 * hashes that the run keeps, and, with those made to fit again, by what the run comes to when it is done again. What
 * neither can tell is in the list that `runs verify` prints.
 *
 *   npm run check:verify [-- --n 60 --seed 7]
 */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { writeManifest } from "../src/engines/onnx/files/manifest.ts";
import { filesThatDiffer, notCovered } from "../src/learn/verify-files.ts";
import { integrityOf } from "../src/learn/verify-integrity.ts";
import { sealOf } from "../src/store/run-seal.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import { SHORT, start } from "./checks/learning.ts";

/** An alteration of a run's folder. */
interface Alteration {
  readonly file: string;
  readonly kind: string;
  /** `other` is another run's folder. */
  alter(run: string, other: string): void | Promise<void>;
}

const flip = (file: string): Alteration => ({
  file,
  kind: "a bit is flipped",
  alter: (run) => {
    const path = join(run, file);
    const content = readFileSync(path);
    const at = Math.floor(content.length / 2);
    content[at] = (content[at] ?? 0) ^ 1;
    writeFileSync(path, content);
  },
});
const cut = (file: string): Alteration => ({
  file,
  kind: "it is cut",
  alter: (run) => {
    const path = join(run, file);
    truncateSync(path, Math.floor(readFileSync(path).length / 2));
  },
});
const drop = (file: string): Alteration => ({ file, kind: "it is gone", alter: (run) => rmSync(join(run, file)) });
const swapFile = (file: string): Alteration => ({
  file,
  kind: "it is that of another run",
  alter: (run, other) => copyFileSync(join(other, file), join(run, file)),
});
const addRow = (file: string): Alteration => ({
  file,
  kind: "its last row is there twice",
  alter: (run) => {
    const path = join(run, file);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    appendFileSync(path, `${lines.at(-1)}\n`);
  },
});
const swapRows = (file: string): Alteration => ({
  file,
  kind: "two rows are swapped",
  alter: (run) => {
    const path = join(run, file);
    const [first = "", second = "", ...rest] = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, [second, first, ...rest].join("\n"));
  },
});
const dropRow = (file: string): Alteration => ({
  file,
  kind: "its last row is gone",
  alter: (run) => {
    const path = join(run, file);
    writeFileSync(path, `${readFileSync(path, "utf8").trimEnd().split("\n").slice(0, -1).join("\n")}\n`);
  },
});
const add = (file: string): Alteration => ({
  file,
  kind: "it is added",
  alter: (run) => {
    mkdirSync(join(run, file, ".."), { recursive: true });
    writeFileSync(join(run, file), "{}\n");
  },
});

type Json = Record<string, unknown>;

/** Edits a value of a JSON file, written as the run writes it. */
const edit = (file: string, kind: string, change: (value: Json) => void): Alteration => ({
  file,
  kind,
  alter: (run) => {
    const path = join(run, file);
    const text = readFileSync(path, "utf8");
    const value = JSON.parse(text) as Json;
    change(value);
    writeFileSync(path, text.includes("\n  ") ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value));
  },
});
const at = (value: Json, ...path: readonly string[]): Json => path.reduce((inner, key) => inner[key] as Json, value);
const editRow = (file: string, kind: string, row: number, change: (value: Json) => void): Alteration => ({
  file,
  kind,
  alter: (run) => {
    const path = join(run, file);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const index = row < 0 ? lines.length + row : row;
    const value = JSON.parse(lines[index] ?? "{}") as Json;
    change(value);
    lines[index] = JSON.stringify(value);
    writeFileSync(path, `${lines.join("\n")}\n`);
  },
});

/** Its manifest is made to fit as well: nothing in the folder itself is wrong. */
const weights = (kind: string, change: (weights: string, other: string) => void): Alteration => ({
  file: "weights/",
  kind,
  alter: async (run, other) => {
    const folder = join(run, "weights");
    const { about } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as { about: Json };
    change(folder, join(other, "weights"));
    if (!kind.startsWith("its manifest")) await writeManifest(folder, about);
  },
});

const rows = ["metrics.jsonl", "digests.jsonl", "trajectories.jsonl"] as const;

const alterationsOf = (run: string): readonly Alteration[] => {
  const [older = "", newer = ""] = readdirSync(join(run, "checkpoints")).filter((name) => name.startsWith("step-"));
  const [journal = ""] = readdirSync(join(run, "journal"));
  const states = [older, newer].map((step) => `checkpoints/${step}`);
  return [
    ...rows.flatMap((file) => [
      flip(file),
      cut(file),
      drop(file),
      swapFile(file),
      addRow(file),
      swapRows(file),
      dropRow(file),
    ]),
    editRow("trajectories.jsonl", "a reward of the evaluation before is another one", 0, (row) => {
      row.reward = row.reward === 1 ? 0 : 1;
    }),
    editRow("trajectories.jsonl", "an answer of the evaluation after is another one", -1, (row) => {
      at(row, "trajectory").answer = "42";
    }),
    editRow("metrics.jsonl", "a figure is another one", 0, (row) => {
      row.tasksDrawn = 1;
    }),
    ...["config.json", "options.json", "phases.json", "report.json"].flatMap((file) => [cut(file), drop(file)]),
    ...["config.json", "phases.json", "report.json"].map(flip),
    swapFile("report.json"),
    swapFile("phases.json"),
    edit("report.json", "its accuracy is another one", (value) => {
      at(value, "after", "heldOutPages").accuracy = 1;
    }),
    edit("report.json", "its gain is another one", (value) => {
      at(value, "gain", "deep").points = 50;
    }),
    edit("report.json", "it is said to be of more steps", (value) => {
      value.stepsDone = 400;
    }),
    edit("report.json", "its configuration is another one", (value) => {
      at(value, "config").seed = 8;
    }),
    edit("phases.json", "a baseline is another one", (value) => {
      at(value, "baselines", "oracle", "heldOutPages").accuracy = 0;
    }),
    edit("phases.json", "an outcome is another one", (value) => {
      const outcomes = at(value, "before", "outcomes", "deep");
      outcomes[Object.keys(outcomes)[0] ?? ""] = 1;
    }),
    edit("config.json", "a setting is another one", (value) => {
      at(value, "config").temperature = 0.5;
    }),
    edit("options.json", "an option is another one", (value) => {
      at(value, "options").seed = 8;
    }),
    ...states.flatMap((state) => [
      flip(`${state}/policy-planner.state`),
      cut(`${state}/progress.json`),
      drop(`${state}/manifest.json`),
      edit(`${state}/manifest.json`, "its step is another one", (value) => {
        value.step = 7;
      }),
    ]),
    {
      file: `${states[0]}`,
      kind: "it has the policy of another step, and a manifest that fits",
      alter: (folder) => {
        const from = join(folder, `${states[1]}`);
        copyFileSync(join(from, "policy-planner.state"), join(folder, `${states[0]}`, "policy-planner.state"));
        const path = join(folder, `${states[0]}`, "manifest.json");
        const manifest = JSON.parse(readFileSync(path, "utf8")) as Json;
        const other = JSON.parse(readFileSync(join(from, "manifest.json"), "utf8")) as Json;
        at(manifest, "files")["policy-planner.state"] = at(other, "files")["policy-planner.state"];
        writeFileSync(path, `${JSON.stringify(manifest)}\n`);
      },
    },
    {
      file: `${states[0]}`,
      kind: "it is gone",
      alter: (folder) => rmSync(join(folder, `${states[0]}`), { recursive: true }),
    },
    flip("checkpoints/LATEST"),
    flip(`journal/${journal}`),
    cut(`journal/${journal}`),
    drop(`journal/${journal}`),
    add("journal/9999999.jsonl"),
    add("notes.txt"),
    add("weights/extra.json"),
    weights("another model is in it", (folder, other) => cpSync(other, folder, { recursive: true })),
    weights("one weight is another one", (folder) => {
      const path = join(folder, "model.safetensors");
      const content = readFileSync(path);
      content[content.length - 2] = (content[content.length - 2] ?? 0) ^ 1;
      writeFileSync(path, content);
    }),
    weights("its manifest is another one", (folder) => {
      const path = join(folder, "manifest.json");
      writeFileSync(path, readFileSync(path, "utf8").replace('"policy": "planner"', '"policy": "oracle"'));
    }),
    flip("weights/model.safetensors"),
    flip("weights/tokenizer.json"),
    drop("weights/model.safetensors"),
    flip("timings.jsonl"),
    addRow("timings.jsonl"),
    edit("report.json", "its seconds are others", (value) => {
      at(value, "seconds").total = 1;
    }),
    flip("seal.json"),
    drop("seal.json"),
    {
      file: "metrics.jsonl",
      kind: "it is a link",
      alter: (folder, other) => {
        rmSync(join(folder, "metrics.jsonl"));
        symlinkSync(join(other, "metrics.jsonl"), join(folder, "metrics.jsonl"));
      },
    },
    add("index.sqlite"),
  ];
};

/** A run whose files are those of another one but for those that will be altered, which are copies. */
const copyRun = (from: string, to: string, altered: string): void => {
  for (const name of filesIn(from)) {
    const target = join(to, name);
    mkdirSync(join(target, ".."), { recursive: true });
    if (name.startsWith(altered)) copyFileSync(join(from, name), target);
    else linkSync(join(from, name), target);
  }
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

/** Makes the seal fit what is there, as one does who alters a run and knows how it is kept. */
const sealAgain = async (run: string): Promise<void> => {
  rmSync(join(run, "seal.json"), { force: true });
  writeFileSync(join(run, "seal.json"), JSON.stringify({ schemaVersion: 1, files: await sealOf(run, {}) }));
};

/** What neither hashes that were made to fit nor doing it again can tell: as `runs verify` lists it. */
const isListed = ({ file, kind }: Alteration): boolean =>
  file === "seal.json" ||
  notCovered.some(
    (line) => line.split(": ")[0]?.includes(file) === true && (file === "timings.jsonl" || kind.includes("seconds")),
  );

/** Files that were compared before there were seals, and only as far as they are of training. */
const comparedBefore = /^(?:metrics|digests|journal)/;

/** Learns in the same place, which its options name, and moves the run away. */
const learnInto = async (folder: string, seed: number): Promise<string> => {
  const out = join(folder, "..", "runs");
  const { code, stderr } = await start(["learn", ...SHORT, "--seed", String(seed), "--out", out]).ended;
  if (code !== 0) throw new Error(`The run to alter was not made: ${stderr}`);
  renameSync(out, folder);
  return join(folder, readdirSync(folder)[0] ?? "");
};

interface Runs {
  readonly scratch: string;
  readonly run: string;
  readonly other: string;
  readonly again: string;
}

/** A run, the same once more (what it comes to when it is done again), and another one. */
const makeRuns = async (): Promise<Runs> => {
  const scratch = mkdtempSync(join(tmpdir(), "agentflow-verify-"));
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const [run, again, other] = [
    await learnInto(join(scratch, "a"), 7),
    await learnInto(join(scratch, "b"), 7),
    await learnInto(join(scratch, "c"), 8),
  ];
  // It stands for the first one, by its name too.
  const [mine, its] = [run, again].map((folder) => folder.split("/").at(-1) ?? "");
  const report = join(again, "report.json");
  writeFileSync(report, readFileSync(report, "utf8").replaceAll(its ?? "", mine ?? ""));
  return { scratch, run, other, again };
};

export const check: Check = {
  name: "verify",
  n: 1000,
  brokenN: 1000,
  run: async ({ n, broken }) => {
    const { scratch, run, other, again } = await made();
    const failures: string[] = [];
    const clean = [...(await integrityOf(run)), ...(await filesThatDiffer(run, again))];
    if (clean.length > 0) return { n, failed: n, lines: ["the unaltered run is not verified", ...clean.slice(0, 5)] };
    const alterations = alterationsOf(run).slice(0, n);
    let listed = 0;
    for (const alteration of alterations) {
      const { file, kind } = alteration;
      const altered = join(scratch, "altered", run.split("/").at(-1) ?? "");
      rmSync(altered, { recursive: true, force: true });
      copyRun(run, altered, file);
      await alteration.alter(altered, other);
      const isNamed = (differences: readonly string[]): boolean => differences.some((one) => one.includes(file));
      if (broken) {
        if (!comparedBefore.test(file)) failures.push(`${file}: ${kind}: nobody looks`);
        continue;
      }
      const sealed = await integrityOf(altered);
      if (!isNamed(sealed))
        failures.push(`${file}: ${kind}: not named by its hash (${sealed.join("; ").slice(0, 120)})`);
      if (isListed(alteration)) {
        listed += 1;
        continue;
      }
      if (existsSync(join(altered, "seal.json"))) await sealAgain(altered);
      // Damage that needs no seal to be seen, and else what comes out when it is done again.
      const differences = [...(await integrityOf(altered)), ...(await filesThatDiffer(altered, again))];
      if (!isNamed(differences))
        failures.push(`${file}: ${kind}: sealed again, it is not named (${differences.join("; ").slice(0, 120)})`);
    }
    return {
      n: alterations.length,
      failed: failures.length,
      lines: [
        `${alterations.length} alterations: ${alterations.length - listed} named by hash and when sealed again, ${listed} by hash alone (listed as not covered)`,
        ...failures.slice(0, 12),
      ],
    };
  },
};

let runs: Promise<Runs> | undefined;

/** Once for the broken variant and the real thing. */
const made = (): Promise<Runs> => {
  runs ??= makeRuns();
  return runs;
};

await runAsScript(check, import.meta.url);
