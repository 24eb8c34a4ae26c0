import type { Finding } from "../environment.ts";

/** Findings as lines: what is fine too, for who asked. */
export const findingLines = (findings: readonly Finding[]): string[] =>
  findings.map(({ check, level, message }) => `${level.padEnd(8)} ${check.padEnd(10)} ${message}`);
