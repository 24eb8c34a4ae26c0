import { createHash } from "node:crypto";

/** Policy → content hash of its weights. */
export type Versions = Readonly<Record<string, string>>;

/** One hash of several versions: that of the only one, or of all by name; undefined where there is none. */
export const policyHash = (versions: Versions): string | undefined => {
  const entries = Object.entries(versions).sort(([a], [b]) => (a < b ? -1 : 1));
  const [only] = entries;
  if (only === undefined || entries.length === 1) return only?.[1];
  return createHash("sha256").update(JSON.stringify(entries)).digest("hex");
};
