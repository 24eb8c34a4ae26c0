/** Figures as people read them. A figure that is not there is a dash. */

const NONE = "–";

const isNumber = (value: number | null | undefined): value is number =>
  typeof value === "number" && Number.isFinite(value);

export const percent = (value: number | null | undefined, digits = 0): string =>
  isNumber(value) ? `${(value * 100).toFixed(digits)} %` : NONE;

/** A difference of shares in percentage points, with its sign. */
export const points = (value: number | null | undefined): string =>
  isNumber(value) ? `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value * 100).toFixed(0)}` : NONE;

export const decimal = (value: number | null | undefined, digits = 3): string => {
  if (!isNumber(value)) return NONE;
  const size = Math.abs(value);
  if (value !== 0 && (size < 10 ** -digits || size >= 1e6)) return value.toExponential(1).replace("-", "−");
  return value.toFixed(size >= 100 ? 0 : digits).replace("-", "−");
};

export const signed = (value: number | null | undefined, digits = 2): string =>
  isNumber(value) ? `${value > 0 ? "+" : ""}${decimal(value, digits)}` : NONE;

export const interval = (value: readonly [number, number] | undefined): string =>
  value === undefined ? "" : `${(value[0] * 100).toFixed(0)}–${(value[1] * 100).toFixed(0)}`;

export const whole = (value: number | null | undefined): string =>
  isNumber(value) ? Math.round(value).toLocaleString("en-US") : NONE;

export const duration = (seconds: number | null | undefined): string => {
  if (!isNumber(seconds)) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

/** The beginning of a content hash, which is enough to tell versions apart. */
export const shortHash = (hash: string | null | undefined): string => hash?.slice(0, 10) ?? NONE;

/** `heldOutPages` → `held out pages`. */
export const words = (name: string): string =>
  name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

/** One line of a text that may be long. */
export const oneLine = (text: string, most = 200): string => {
  const line = text
    .slice(0, most * 4)
    .replace(/\s+/g, " ")
    .trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
};

export const counted = (n: number, thing: string): string => `${whole(n)} ${thing}${n === 1 ? "" : "s"}`;

/** A value as JSON, or the text that it is. */
export const shown = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value, null, 1) ?? "").replace(/\n\s*/g, " ");
