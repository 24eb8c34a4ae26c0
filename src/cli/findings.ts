import type { Finding } from "../environment.ts";
import { wrap } from "./text-width.ts";
import { visible } from "./visible.ts";

/** Cells before what a finding says. */
const LABELS = 20;

/** Findings as lines of at most `width` cells: what is fine too, for who asked. */
export const findingLines = (findings: readonly Finding[], width: number): string[] =>
  findings.flatMap(({ check, level, message }) =>
    wrap(visible(message), width - LABELS).map((line, i) =>
      i === 0 ? `${level.padEnd(8)} ${check.padEnd(10)} ${line}` : `${" ".repeat(LABELS)}${line}`,
    ),
  );
