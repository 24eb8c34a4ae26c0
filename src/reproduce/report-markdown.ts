import type { ClaimReport, ReproductionReport } from "./report.ts";
import { countsText, leastText, metaText, oursText, seedsText } from "./report-text.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const row = (...cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

const claimRow = ({ sentence, published, verdict, ours, why }: ClaimReport): string =>
  row(
    sentence,
    published.figure,
    ours === undefined ? (why ?? "–") : oursText(ours),
    ours === undefined ? "–" : String(ours.n),
    `**${verdict}**`,
  );

/** The table of all claims, as it stands in README. */
export const reproductionTable = (report: ReproductionReport): string =>
  [
    row("claim", "published", "ours [95 %]", "n", "verdict"),
    "|---|---|---|---|---|",
    ...report.claims.map(claimRow),
    "",
    `${countsText(report.claims)}. ${metaText(report)}.`,
  ].join("\n");

/** How verdicts come about. */
export const RULE =
  "A claim *holds* when the whole 95 % interval is above 0, and the difference is above 0 for each seed; it *does not* when the interval leaves no room for the smallest effect that would matter (5 points of accuracy, where nothing else is said); else it is *unclear*.";

const section = ({ id, sentence, published, measured, least, verdict, why, note, ours }: ClaimReport): string =>
  [
    `## ${sentence}`,
    "",
    `**${verdict}**${why === undefined ? "" : `: ${why}`}`,
    "",
    `- Published: ${published.figure} (${published.source}).`,
    `- Measured: ${measured}. Smallest effect that would matter: ${leastText({ least, ours })}.`,
    ...(ours === undefined
      ? []
      : [
          `- Ours: ${oursText(ours)}, n = ${ours.n}; by seed ${seedsText(ours)}.`,
          ...ours.figures.map(({ name, text }) => `- ${name}: ${text}`),
        ]),
    ...(note === undefined ? [] : [`- ${note}`]),
    ...(ours === undefined ? [] : ["", `![${ours.chart.title}](${id}.svg)`]),
    "",
  ].join("\n");

/**
 * A reproduction as Markdown, with its charts beside it.
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { reproductionMarkdown } from "agentflow/reproduce";
 *
 * console.log(reproductionMarkdown(JSON.parse(await readFile("reproduction/report.json", "utf8"))));
 * ```
 */
export const reproductionMarkdown = (report: ReproductionReport): string =>
  [
    "# Published claims, put to the test",
    "",
    `${metaText(report)}.`,
    "",
    RULE,
    "",
    reproductionTable(report),
    "",
    ...report.claims.map(section),
  ].join("\n");
