import { listOf, text } from "./options.ts";

/** Takes secrets out of texts, in the forms in which they travel. */
export interface Redactor {
  (text: string): string;
  /** For a text that comes in parts: holds back what may be the beginning of a secret. `end` gives what is left. */
  readonly stream: () => { push(part: string): string; end(): string };
}

const MARK = "[redacted]";
/** Shorter ones would take ordinary words out of texts. */
const SHORTEST = 6;

/** Replaces each secret, plain, in base64, URL-escaped and JSON-escaped. Secrets of fewer than six characters are left. */
export const redactor = (secrets: readonly string[]): Redactor => {
  listOf(text)(secrets, "redactor: secrets");
  const forms = [...new Set(secrets.filter(({ length }) => length >= SHORTEST).flatMap(formsOf))].sort(
    (a, b) => b.length - a.length,
  );
  const longest = forms[0]?.length ?? 0;
  const redact = (text: string): string =>
    forms.reduce((left, form) => (left.includes(form) ? left.replaceAll(form, MARK) : left), text);
  return Object.assign(redact, {
    stream: () => {
      let held = "";
      return {
        push: (part: string): string => {
          const text = redact(held + part);
          const safe = Math.max(0, text.length - longest + 1);
          const keep = forms.length === 0 ? text.length : firstBeginning(text, forms, safe);
          held = text.slice(keep);
          return text.slice(0, keep);
        },
        end: (): string => {
          const text = redact(held);
          held = "";
          return text;
        },
      };
    },
  });
};

/** From where on a text may be the beginning of a form. */
const firstBeginning = (text: string, forms: readonly string[], from: number): number => {
  for (let at = from; at < text.length; at += 1) {
    const tail = text.slice(at);
    if (forms.some((form) => form.startsWith(tail))) return at;
  }
  return text.length;
};

const formsOf = (secret: string): string[] => {
  const bytes = new TextEncoder().encode(secret);
  // In base64 a text looks different by where in a group of three bytes it begins.
  const shifted = [0, 1, 2].flatMap((shift) => {
    const padded = new Uint8Array(shift + bytes.length);
    padded.set(bytes, shift);
    const encoded = btoa(String.fromCharCode(...padded)).replace(/=+$/, "");
    // Characters that hold bits of a neighbour are not the secret's own.
    const own = encoded.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const json = JSON.stringify(secret).slice(1, -1);
  return [secret, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(secret), ...shifted].filter(
    ({ length }) => length >= SHORTEST,
  );
};
