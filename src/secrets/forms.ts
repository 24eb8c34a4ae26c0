import { decoded, folded, viewOf } from "./text-view.ts";

/** Shorter ones would take ordinary words out of texts. */
export const SHORTEST_SECRET = 6;

/** One way in which a secret may stand in a text, folded. */
export interface Form {
  readonly codes: Uint16Array;
  /** Where its middle begins, a window of `WINDOW` codes: any piece of more than half of the form holds it. */
  readonly middle: number;
  /** This many codes in one piece are as good as the whole. */
  readonly enough: number;
}

/** Half of a shorter one may be an ordinary word, or a number. */
const SHORTEST_CUT = 16;

/** Codes of the window by which forms are found. */
export const WINDOW = SHORTEST_SECRET;

/**
 * All ways in which a secret is written that no escape explains: as it is, in base64 and base64url, once or twice and
 * wherever in a group of three bytes it begins, in hexadecimal and as a list of bytes. What is encoded may have been
 * escaped before, for JSON or for an address.
 */
export const formsOf = (secret: string): Form[] => {
  const json = JSON.stringify(secret).slice(1, -1);
  const written = unique([secret, json, json.replaceAll("/", "\\/"), encodeURIComponent(wellFormed(secret))]);
  const bytes = new TextEncoder().encode(secret);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
  const once = written.flatMap((text) => inBase64(new TextEncoder().encode(text)));
  const twice = inBase64(bytes).flatMap((text) => inBase64(new TextEncoder().encode(text)));
  // A secret that looks like an escape itself is read as one in a text where escapes are undone.
  const read = decodedText(secret);
  const texts = [secret, read, ...once, ...twice, hex.join(""), hex.join(":"), hex.join("-"), bytes.join(",")];
  return unique(texts.map(fold)).flatMap(formOf);
};

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

/** Half of a pair of surrogates has no bytes. */
const wellFormed = (text: string): string => new TextDecoder().decode(new TextEncoder().encode(text));

const decodedText = (text: string): string => {
  const view = decoded(viewOf(text));
  return view === undefined ? text : textOf(view.codes.subarray(0, view.length));
};

const fold = (text: string): string => {
  const { codes, length } = folded(viewOf(text));
  return textOf(codes.subarray(0, length));
};

const textOf = (codes: Uint16Array): string => {
  let text = "";
  for (const code of codes) text += String.fromCharCode(code);
  return text;
};

const formOf = (text: string): Form[] => {
  const { length } = text;
  if (length < WINDOW) return [];
  const codes = Uint16Array.from({ length }, (_, i) => text.charCodeAt(i));
  const enough = length < SHORTEST_CUT ? length : Math.ceil((length + WINDOW) / 2);
  return [{ codes, middle: Math.floor((length - WINDOW) / 2), enough }];
};

/** In base64 a text looks different by where in a group of three bytes it begins. */
const inBase64 = (bytes: Uint8Array): string[] =>
  unique(
    [0, 1, 2].flatMap((shift) => {
      const padded = new Uint8Array(shift + bytes.length);
      padded.set(bytes, shift);
      const encoded = base64Of(padded);
      // Characters that hold bits of a neighbour are not the secret's own.
      const own = encoded.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
      return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
    }),
  );

const base64Of = (bytes: Uint8Array): string => {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/=+$/, "");
};
