import type { ChatMessage } from "../../src/model.ts";
import type { LineProcess } from "./lines.ts";
import type { Ours } from "./ours.ts";

/** How one part of the check ended: what was looked at, what differed, and a few of the differences in words. */
export interface Finding {
  readonly part: string;
  readonly looked: number;
  readonly failed: number;
  readonly says: string;
  readonly examples: readonly string[];
}

const short = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 160 ? `${text.slice(0, 157)}…` : text;
};
const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

/** Whether every line becomes the same ids. */
export const compareTokens = async (ours: Ours, reference: LineProcess, lines: readonly string[]): Promise<Finding> => {
  const { ids } = (await reference.ask({ do: "encode", texts: lines })) as { ids: number[][] };
  const examples: string[] = [];
  let failed = 0;
  lines.forEach((line, i) => {
    const [mine, theirs] = [ours.encode(line), ids[i] ?? []];
    if (same(mine, theirs)) return;
    failed += 1;
    if (examples.length < 5)
      examples.push(`${short(line)}: ours ${short(mine)}, ${reference.ready.tokenizer} ${short(theirs)}`);
  });
  return { part: "tokens", looked: lines.length, failed, says: `lines as ${reference.ready.tokenizer}`, examples };
};

interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** Whether the reply's beginning is wanted. */
  readonly prompt: boolean;
}

/** Conversations of one to five messages made of the lines, a third of them with a system message if `systems`. */
const conversationsOf = (lines: readonly string[], systems: boolean): Conversation[] => {
  const out: Conversation[] = [];
  for (let at = 0; at < lines.length; ) {
    const count = 1 + (out.length % 5);
    const taken = lines.slice(at, at + count);
    at += count;
    const system = systems && out.length % 3 === 0 && taken.length > 1;
    const messages = taken.map((content, i): ChatMessage => {
      if (system && i === 0) return { role: "system", content };
      return { role: (i - (system ? 1 : 0)) % 2 === 0 ? "user" : "assistant", content };
    });
    out.push({ messages, prompt: messages.at(-1)?.role === "user" });
  }
  // What templates refuse, or treat in their own way.
  out.push({ messages: [{ role: "assistant", content: "first" }], prompt: true });
  out.push({
    messages: [
      { role: "user", content: "one" },
      { role: "user", content: "two" },
    ],
    prompt: true,
  });
  return out;
};

/** Whether the chat template gives the same texts. */
export const compareChat = async (ours: Ours, reference: LineProcess, lines: readonly string[]): Promise<Finding> => {
  const theyHave = reference.ready.chat === true;
  if (!ours.hasChat || !theyHave) {
    const failed = ours.hasChat === theyHave ? 0 : 1;
    return {
      part: "chat",
      looked: 0,
      failed,
      says: `template: ours ${ours.hasChat}, reference ${theyHave}`,
      examples: [],
    };
  }
  const rendered = async (conversations: readonly Conversation[]): Promise<readonly (string | null)[]> =>
    ((await reference.ask({ do: "render", conversations })) as { texts: (string | null)[] }).texts;
  // A template that takes no system message is given one inside the first user message here, on purpose.
  const probe: ChatMessage[] = [
    { role: "system", content: "heard?" },
    { role: "user", content: "hello" },
  ];
  const [heard] = await rendered([{ messages: probe, prompt: true }]);
  const conversations = conversationsOf(lines, heard?.includes("heard?") ?? false);
  const texts = await rendered(conversations);
  const examples: string[] = [];
  let failed = 0;
  for (const [i, { messages, prompt }] of conversations.entries()) {
    const mine = (await ours.render(messages, prompt)) ?? null;
    const theirs = texts[i] ?? null;
    if (mine === theirs) continue;
    failed += 1;
    if (examples.length < 5) examples.push(`${short(messages)}: ours ${short(mine)}, transformers ${short(theirs)}`);
  }
  return { part: "chat", looked: conversations.length, failed, says: "conversations as transformers", examples };
};

export interface LogProbFinding extends Finding {
  readonly maxDifference: number;
  readonly perPrompt: readonly number[];
}

/** The largest difference of a token's log-probability, over all tokens of all prompts. */
export const compareLogProbs = async (
  ours: Ours,
  reference: LineProcess,
  prompts: readonly (readonly number[])[],
  bound: number,
): Promise<LogProbFinding> => {
  const mine = await ours.score(prompts);
  const perPrompt: number[] = [];
  const examples: string[] = [];
  let looked = 0;
  for (const [i, ids] of prompts.entries()) {
    const { logProbs } = (await reference.ask({ do: "score", ids })) as { logProbs: number[] };
    looked += logProbs.length;
    // Not a number compares as false: it must come out as a difference.
    const differences = logProbs.map((value, t) => Math.abs(value - (mine[i]?.[t] ?? Number.NaN)));
    const worst = differences.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(0, ...differences);
    perPrompt.push(worst);
    const at = differences.findIndex((difference) => !(difference <= bound));
    if (at >= 0 && examples.length < 5)
      examples.push(
        `prompt ${i + 1}, token ${at + 1} (id ${ids[at + 1]}): ours ${mine[i]?.[at]}, reference ${logProbs[at]}`,
      );
  }
  const maxDifference = Math.max(0, ...perPrompt);
  const failed = perPrompt.filter((difference) => !(difference <= bound)).length;
  const says = `tokens' log-probabilities, max |Δ| ${maxDifference.toExponential(2)} (bound ${bound})`;
  return { part: "log-probs", looked, failed, says, examples, maxDifference, perPrompt };
};

/** Whether greedy continuations agree; where the reference's first two are nearer than `tie`, its own token is used. */
export const compareGreedy = async (
  ours: Ours,
  reference: LineProcess,
  prompts: readonly (readonly number[])[],
  { count, tie }: { readonly count: number; readonly tie: number },
): Promise<Finding & { readonly ties: number }> => {
  const wanted: { ids: number[]; leads: number[] }[] = [];
  for (const ids of prompts)
    wanted.push((await reference.ask({ do: "greedy", ids, count })) as (typeof wanted)[number]);
  // How many of the reference's tokens are settled, by prompt.
  const settled = prompts.map(() => 0);
  const bad = new Set<number>();
  const examples: string[] = [];
  let ties = 0;
  for (let open = prompts.map((_, i) => i); open.length > 0; ) {
    const starts = open.map((i) => [...(prompts[i] ?? []), ...(wanted[i]?.ids.slice(0, settled[i]) ?? [])]);
    const mine = await ours.greedy(starts, count);
    open.forEach((i, k) => {
      const { ids, leads } = wanted[i] as (typeof wanted)[number];
      const from = settled[i] ?? 0;
      const differs = ids.slice(from).findIndex((id, t) => id !== mine[k]?.[t]);
      if (differs < 0) settled[i] = count;
      else if ((leads[from + differs] ?? 1) < tie) {
        ties += 1;
        settled[i] = from + differs + 1;
      } else {
        bad.add(i);
        settled[i] = count;
        if (examples.length < 5)
          examples.push(
            `prompt ${i + 1}, new token ${from + differs + 1}: ours ${mine[k]?.[differs]}, reference ${ids[from + differs]} with a lead of ${leads[from + differs]?.toExponential(2)}`,
          );
      }
    });
    open = open.filter((i) => (settled[i] ?? count) < count);
  }
  const says = `prompts × ${count} greedy tokens, ${ties} ties`;
  return { part: "greedy", looked: prompts.length, failed: bad.size, says, examples, ties };
};
