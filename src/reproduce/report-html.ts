import { type Markup, markup, pageOf } from "../markup.ts";
import { reportStyle } from "../review/report-style.ts";
import type { ClaimReport, ReproductionReport } from "./report.ts";
import { RULE } from "./report-markdown.ts";
import { countsText, metaText, oursText, seedsText } from "./report-text.ts";

const shade = (verdict: ClaimReport["verdict"]): string =>
  verdict === "holds" ? "up" : verdict === "does not" ? "down" : "quiet";

const claimRow = ({ id, sentence, published, verdict, ours, why }: ClaimReport): Markup =>
  markup`<tr><td class="free"><a href="#${id}">${sentence}</a></td><td class="free">${published.figure}</td><td class="free">${ours === undefined ? (why ?? "–") : oursText(ours)}</td><td>${ours === undefined ? "–" : ours.n}</td><td class="${shade(verdict)}">${verdict}</td></tr>\n`;

const section = ({ id, sentence, published, measured, verdict, why, note, ours }: ClaimReport): Markup =>
  markup`<section id="${id}"><h2>${sentence}</h2>
<p><b class="${shade(verdict)}">${verdict}</b>${why !== undefined && markup`: ${why}`}</p>
<p class="quiet">Published: ${published.figure} (${published.source}). Measured: ${measured}.</p>
${
  ours !== undefined &&
  markup`<p>${oursText(ours)}, n = ${ours.n}; by seed ${seedsText(ours)}.</p>
<figure class="scroll">${{ markup: ours.chart.svg }}<figcaption>${ours.chart.title}</figcaption></figure>
<table><tbody>${ours.figures.map(({ name, text }) => markup`<tr><td class="free">${name}</td><td class="free">${text}</td></tr>\n`)}</tbody></table>`
}${note !== undefined && markup`<p class="quiet">${note}</p>`}</section>
`;

/**
 * A reproduction as one page of HTML, with a chart for each claim, that asks for nothing else.
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { reproductionHtml } from "agentflow/reproduce";
 *
 * console.log(reproductionHtml(JSON.parse(await readFile("reproduction/report.json", "utf8"))));
 * ```
 */
export const reproductionHtml = (report: ReproductionReport): string =>
  pageOf({
    title: "Published claims, put to the test",
    style: reportStyle,
    generator: "agentflow reproduce",
    body: markup`<main><h1>Published claims, put to the test</h1>
<p class="quiet">${metaText(report)}.</p>
<p>${countsText(report.claims)}. ${RULE.replaceAll("*", "")}</p>
<div class="scroll"><table><thead><tr><th>claim</th><th>published</th><th>ours [95 %]</th><th>n</th><th>verdict</th></tr></thead><tbody>
${report.claims.map(claimRow)}</tbody></table></div>
${report.claims.map(section)}</main>`,
  });
