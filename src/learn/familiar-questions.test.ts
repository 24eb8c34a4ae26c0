import { expect, it } from "vitest";
import { leverEnvironment } from "../testing/index.ts";
import { familiarQuestions } from "./familiar-questions.ts";

it("are the templates of the training questions, as the environment's analyst reads them", async () => {
  const environment = await leverEnvironment().open({ seed: 1 });
  const { signal } = new AbortController();
  const templates = await familiarQuestions(environment, signal);
  expect(templates.length).toBeGreaterThan(0);
  expect(new Set(templates).size).toBe(templates.length);
  const analyst = ({ question }: { readonly question: string }) => ({ entities: [], template: question.slice(0, 3) });
  const read = await familiarQuestions({ ...environment, flow: { analyst } }, signal);
  expect(read.every((template) => template.length <= 3)).toBe(true);
});
