import { expect, it } from "vitest";
import { courseOf } from "../../test/training-course.ts";
import { diagnose } from "../train/index.ts";
import { learnView } from "./learn-view.ts";
import { introduction, shellWord, showDiagnoses } from "./learn-words.ts";
import { screenOn } from "./screen.ts";
import { cellsOf } from "./text-width.ts";

const family = "\u001b[31mhow far is it\u001b[0m ".repeat(3);
const [fails] = diagnose(
  courseOf({
    seed: 1,
    steps: 8,
    tasksPerStep: 8,
    groupSize: 8,
    solved: () => 1e-9,
    families: [{ name: family, odds: 0, turns: 3 }],
  }),
);
if (fails === undefined) throw new Error("Nothing was found.");

const shown = (COLUMNS: number, show: (screen: ReturnType<typeof screenOn>) => void): string[] => {
  let text = "";
  show(screenOn({ stream: { write: (part: string) => (text += part) }, environment: { COLUMNS: String(COLUMNS) } }));
  return text.trimEnd().split("\n");
};

it.each([40, 80, 120])("shows why a run does not learn, whole, within %i cells", (width) => {
  const message = `${fails.seen} ${fails.advice}`;
  const lines = shown(width, (screen) => learnView(screen).show({ type: "diagnosis", message, diagnosis: fails }));
  for (const line of lines) expect(cellsOf(line), line).toBeLessThanOrEqual(width);
  const words = lines.map((line) => line.slice(10)).join(" ");
  expect(lines[0]).toMatch(/^diagnosis Since step 1: No group had/);
  expect(words.replaceAll(" ", "")).toMatch(
    /allowmoreturns,orimitatesomeplansfirst\(supervised,orlearnwithcoldStart\)\.$/,
  );
  expect(words).toContain("\\u001b[31mhow");
  expect(words).not.toContain("\u001b");
});

it("says where the planner of a run at a server is, and not how to solve with it here", () => {
  const machine = { runtime: "tinker", server: "127.0.0.1:8210" };
  const plan = { model: "agentflow-tiny", split: "test", tasks: 16, steps: 2, tasksPerStep: 12, groupSize: 8 } as const;
  const titles = { heldOutPages: "", heldOutFamily: "", heldOutParaphrase: "", deep: "" };
  const about = { run: "r", folder: "runs/r", titles, question: "how far?" };
  const [planner] = introduction({ type: "run-start", ...plan, ...about, machine });
  expect(planner).toEqual(["Planner", "agentflow-tiny at 127.0.0.1:8210, tinker"]);
});

it("says of one that is gone from when to when it was", () => {
  const lines = shown(80, (screen) => {
    const gone = { cause: "steps-undone", since: 4, seen: "It was undone.", advice: "Lower it." } as const;
    showDiagnoses(screen, [{ ...gone, until: 13 }, { ...gone, until: 4 }, gone], "Diagnosis");
  });
  expect(lines).toEqual([
    "Diagnosis Steps 4 to 13: It was undone. Lower it.",
    "          Step 4: It was undone. Lower it.",
    "          Since step 4: It was undone. Lower it.",
  ]);
});

it("quotes what is to be copied, so that a shell runs nothing that stands in it", () => {
  expect(shellWord("runs/2026-01-01-0000-aaaa")).toBe("runs/2026-01-01-0000-aaaa");
  expect(shellWord('What is "A" in $(rm -rf .) `id`?')).toBe(`'What is "A" in $(rm -rf .) \`id\`?'`);
  expect(shellWord("O'Neil's hive")).toBe(`'O'\\''Neil'\\''s hive'`);
});

it("shows other news of a run as they are", () => {
  const message = "A checkpoint is skipped: it is damaged.";
  expect(shown(40, (screen) => learnView(screen).show({ type: "diagnosis", message }))).toEqual([message]);
});
