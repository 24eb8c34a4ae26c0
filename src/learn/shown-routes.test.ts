import { expect, it } from "vitest";
import { leverEnvironment, leverPolicy, leverTools, plainChat, scriptedPolicy } from "../testing/index.ts";
import { tool } from "../tool.ts";
import { calculate } from "../tools/index.ts";
import { type Recipe, recipes } from "./recipe.ts";
import { showRoutes } from "./shown-routes.ts";

const { train, ...environment } = await leverEnvironment().open({ seed: 1 });
const { engine } = leverPolicy();
const routes = [
  ...Array.from({ length: 6 }, (_, i) => ({ task: train("red", i), plan: ["look up", "press left"] })),
  { task: train("green", 0), plan: ["press right"] },
];
const open = (seed: number, changes: Partial<Recipe> = {}) =>
  showRoutes({
    environment: { ...environment, train, routes },
    tools: leverTools,
    recipe: { ...recipes.micro, ...changes },
    seed,
    abortSignal: new AbortController().signal,
  });
const targetsOf = ({ ids, targets }: { readonly ids: readonly number[]; readonly targets: readonly number[] }) =>
  engine.tokenizer.decode(targets.map((at) => ids[at] ?? 0));

it("shows as many routes of each family, and the same ones for the same index", async () => {
  const [show, again] = [await open(3), await open(3)];
  const shown = Array.from({ length: 240 }, (_, i) => show(engine, i)).flat();
  expect(shown).toEqual(Array.from({ length: 240 }, (_, i) => again(engine, i)).flat());
  const left = shown.filter((one) => targetsOf(one).includes("left")).length;
  expect(left).toBe(120);
});

it("shows mistakes now and then, which nothing imitates", async () => {
  const show = await open(3);
  const shown = Array.from({ length: 240 }, (_, i) => show(engine, i)).flat();
  const actionsIn = (text: string): number => text.split("<end>").length - 1;
  const mistaken = shown.filter((one) => actionsIn(engine.tokenizer.decode([...one.ids])) > actionsIn(targetsOf(one)));
  expect(mistaken.length).toBeGreaterThan(5);
  expect(mistaken.length).toBeLessThan(80);
  for (const one of mistaken) expect(["look up <end> press left <end>", "press right <end>"]).toContain(targetsOf(one));
});

it("shows calls that fail for now, and that they are made again, where calls do so in training", async () => {
  const timesTwice = async (changes: Partial<Recipe>): Promise<number> => {
    const show = await open(3, changes);
    const shown = Array.from({ length: 240 }, (_, i) => show(engine, i)).flat();
    const isTwice = (action: string) => (text: string) => text.split(`${action} <end>`).length === 3;
    const again = shown.filter(({ ids }) => {
      const text = engine.tokenizer.decode([...ids]);
      return ["look up", "press left", "press right"].some((action) => isTwice(action)(text));
    });
    // Nothing imitates the first of the two.
    for (const one of again) expect(["look up <end> press left <end>", "press right <end>"]).toContain(targetsOf(one));
    return again.length;
  };
  expect(await timesTwice({})).toBe(0);
  expect(await timesTwice({ unavailable: 0.05 })).toBeGreaterThan(3);
});

it("shows a published model the prompts that it will see: in a chat with the tools, in compact ones without", async () => {
  const { engine: published } = scriptedPolicy(() => "", { chat: plainChat, contextLength: 4096 });
  const tokenizer = { ...published.tokenizer, idOf: () => undefined };
  const firstOf = async (prompt: "chat" | "compact"): Promise<string> => {
    const show = await open(3, { prompt });
    const [first] = show({ ...published, tokenizer }, 0);
    return published.tokenizer.decode([...(first?.ids ?? [])]);
  };
  const chat = await firstOf("chat");
  for (const name of Object.keys(leverTools)) expect(chat).toContain(`\n- ${name}(`);
  const compact = await firstOf("compact");
  expect(compact).not.toContain("system");
  // Its vocabulary has no token of ours: an action ends as a reply does.
  expect(compact).toMatch(/<end>$/);
});

it.each([true, false])("shows of what would be longer than any route at most its beginning: %s", async (beginnings) => {
  const lookUp = (argument: string, fields: Readonly<Record<string, string | number>>) =>
    tool({
      description: `Looks up a ${argument}.`,
      inputSchema: { type: "object", properties: { [argument]: { type: "string" } }, required: [argument] },
      execute: () => fields,
    });
  const tools = { booking: lookUp("code", { hotel: "Palace" }), hotel: lookUp("name", { price: 90 }), calculate };
  const apart = "By how much do the price of Hotel Elm and the price of Hotel Fox differ?";
  const known = [
    [apart, "hotel q1", "hotel q2", "calculate difference @1.price @2.price"],
    ["What is the price of the hotel of booking B-17?", "booking q1", "hotel @1.hotel", "calculate value @2.price"],
    ["What is the price of Hotel Palace?", "hotel q1", "calculate value @1.price"],
  ].map(([question = "", ...plan], i) => ({ task: { ...train("red", i), question, turnLimit: 8 }, plan }));
  const show = await showRoutes({
    environment: {
      ...environment,
      train,
      reward: () => 1,
      flow: {},
      routes: known,
      isCalculator: (name) => name === "calculate",
    },
    tools,
    recipe: { ...recipes.tiny, references: "entries", beginnings },
    seed: 3,
    abortSignal: new AbortController().signal,
  });
  const { engine: published } = scriptedPolicy(() => "", { contextLength: 4096 });
  const plans = Array.from({ length: 200 }, (_, i) => show(published, i))
    .flat()
    .map(({ ids, targets }) => published.tokenizer.decode(targets.map((at) => ids[at] ?? 0)).split("<end>"))
    .map((actions) => actions.filter((action) => action !== ""));
  expect(Math.max(...plans.map(({ length }) => length))).toBe(3);
  const beginning = ["booking q1", "hotel @1.hotel", "hotel q2"];
  if (beginnings) expect(plans).toContainEqual(beginning);
  else expect(plans).not.toContainEqual(beginning);
  expect(plans).toContainEqual(["hotel q1", "hotel q2", "calculate difference @1.price @2.price"]);
});

it("shows none where none is known", async () => {
  const show = await showRoutes({
    environment: { ...environment, train },
    tools: leverTools,
    recipe: recipes.micro,
    seed: 3,
    abortSignal: new AbortController().signal,
  });
  expect(show(engine, 0)).toEqual([]);
});
