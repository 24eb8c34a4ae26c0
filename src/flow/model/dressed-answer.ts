import type { Generated } from "../../module.ts";
import { bareAnswer, taggedAnswer } from "../../reply.ts";
import { answerLine } from "./entry-text.ts";

const SOLUTION_LENGTH = 20_000;

/** Solution and answer in a reply. Without tags the whole reply is the solution, and its last line states the answer. */
export const solutionIn = (text: string): Generated => {
  const said = text.trim();
  const tagged = taggedAnswer(said);
  const solution = (tagged?.before ?? said).replace(/^\s*solution\s*:\s*/iu, "").trim();
  const answer = firstLine(tagged?.answer ?? said.split("\n").at(-1) ?? "");
  return solution === "" ? answer : { answer, solution: solution.slice(0, SOLUTION_LENGTH) };
};

/** The answer in a reply: what stands in the last <answer> tags, else what follows a label, else the first line. */
export const answerIn = (text: string): string | undefined => {
  const said = text.trim();
  return firstLine(taggedAnswer(said)?.answer ?? said);
};

const firstLine = (text: string): string | undefined => {
  const line = bareAnswer(text)
    .split("\n")
    .find((one) => one.trim() !== "");
  return line === undefined ? undefined : answerLine(line);
};
