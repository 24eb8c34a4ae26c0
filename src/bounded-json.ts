/** How much an untrusted JSON text may hold. */
export interface JsonLimits {
  /** Arrays and objects within each other. @default 64 */
  readonly depth?: number;
  /** Values of all kinds. @default 20,000 */
  readonly values?: number;
  /** Names in objects: each takes longer to read than a value. @default as many as values */
  readonly names?: number;
}

const QUOTE = 34;
const BACKSLASH = 92;
/** Characters that are read before the event loop runs. */
const STEP = 2 ** 20;

/** Counts depth, values and names of a JSON text that comes in pieces. Throws `SyntaxError` for what is beyond the limits. */
const jsonGauge = ({
  depth: deepest = 64,
  values: most = 20_000,
  names: mostNames = most,
}: JsonLimits): ((piece: string) => void) => {
  let depth = 0;
  let values = 1;
  let names = 0;
  let inText = false;
  let escaped = false;
  return (piece) => {
    for (let at = 0; at < piece.length; at += 1) {
      const code = piece.charCodeAt(at);
      if (inText) {
        if (escaped) escaped = false;
        else if (code === BACKSLASH) escaped = true;
        else if (code === QUOTE) inText = false;
      } else if (code === QUOTE) inText = true;
      else if (code === 0x5b || code === 0x7b) {
        depth += 1;
        values += 1;
        if (depth > deepest) throw new SyntaxError(`it nests more than ${deepest} deep`);
      } else if (code === 0x5d || code === 0x7d) depth -= 1;
      else if (code === 0x2c) values += 1;
      else if (code === 0x3a) names += 1;
      else continue;
      if (values > most) throw new SyntaxError(`it holds more than ${most} values`);
      if (names > mostNames) throw new SyntaxError(`it holds more than ${mostNames} names`);
    }
  };
};

/**
 * `JSON.parse` of untrusted text: depth and number of values are bounded before it is parsed, for parsing takes time
 * and memory by their number and not by the text's length. Throws `SyntaxError`.
 */
export const parseJson = (text: string, limits: JsonLimits = {}): unknown => {
  jsonGauge(limits)(text);
  return JSON.parse(text);
};

/** The same for a text of many megabytes: the event loop keeps running meanwhile. */
export const parseLargeJson = async (text: string, limits: JsonLimits = {}): Promise<unknown> => {
  const gauge = jsonGauge(limits);
  for (let at = 0; at < text.length; at += STEP) {
    gauge(text.slice(at, at + STEP));
    await new Promise((resolve) => setTimeout(resolve));
  }
  return JSON.parse(text);
};
