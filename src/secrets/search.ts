import { type Form, formsOf, SHORTEST_SECRET, WINDOW } from "./forms.ts";
import { beginningOf, decoded, folded, openEscapeIn, type TextView, viewOf } from "./text-view.ts";

/** A piece of a text, from its first character to the one after its last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Finds secrets in texts, in whatever form. The time that it takes grows as the text does. */
export interface SecretSearch {
  /** Pieces that are a secret, or more than half of one; in order, apart from one another. */
  find(text: string): Span[];
  /** From where on the end of a text may be the beginning of a secret, of which the rest is still to come. */
  openFrom(text: string): number;
}

/** Escapes of escapes are undone this often. */
const LAYERS = 5;

/** A search for all of these secrets at once. Secrets of fewer than six characters are left alone. */
export const secretSearch = (secrets: readonly string[]): SecretSearch => {
  const forms = [...new Set(secrets)].filter(({ length }) => length >= SHORTEST_SECRET).flatMap(formsOf);
  const find = windowSearch(forms);
  const begins = beginningSearch(forms);
  return {
    find: (text) => joined(forms.length === 0 ? [] : layersOf(text).flatMap((view) => find(folded(view)))),
    openFrom: (text) => {
      if (forms.length === 0) return text.length;
      const spans = joined(layersOf(text).flatMap((view) => find(folded(view))));
      const open = layersOf(text).map((view) => {
        const end = openEscapeIn(view);
        const known = begins(folded(beginningOf(view, end)));
        return Math.min(known ?? text.length, end < view.length ? (view.from[end] ?? 0) : text.length);
      });
      // A match at the end may continue, and one across the border belongs together.
      return spans.reduceRight(
        (from, span) => (span.to > from || span.to === text.length ? Math.min(from, span.from) : from),
        Math.min(text.length, ...open),
      );
    },
  };
};

/** A text as it stands, and with its escapes undone, once, twice, … */
const layersOf = (text: string): TextView[] => {
  const views = [viewOf(text)];
  if (!/[%&\\]/.test(text)) return views;
  for (let last = views.at(-1); last !== undefined && views.length <= LAYERS; last = views.at(-1)) {
    const next = decoded(last);
    if (next === undefined) break;
    views.push(next);
  }
  return views;
};

const joined = (spans: readonly Span[]): Span[] => {
  const ordered = [...spans].sort((a, b) => a.from - b.from);
  const apart: Span[] = [];
  for (const span of ordered) {
    const last = apart.at(-1);
    if (last !== undefined && span.from < last.to)
      apart[apart.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
    else apart.push(span);
  }
  return apart;
};

/** Of a hash over a window of codes that moves along a text (Rabin and Karp). */
const BASE = 0x01000193;
const LEAVING = Array.from({ length: WINDOW }).reduce<number>((power) => Math.imul(power, BASE), 1);

const hashOf = (codes: Uint16Array, from: number): number => {
  let hash = 0;
  for (let i = from; i < from + WINDOW; i += 1) hash = (Math.imul(hash, BASE) + (codes[i] ?? 0)) | 0;
  return hash;
};

/** Finds the middle of a form by its hash, and then how far the text agrees on both sides of it. */
const windowSearch = (forms: readonly Form[]): ((view: TextView) => Span[]) => {
  const byHash = new Map<number, Form[]>();
  // Most windows match nothing: one look says so.
  const seen = new Uint8Array(0x10000);
  for (const form of forms) {
    const hash = hashOf(form.codes, form.middle);
    byHash.set(hash, [...(byHash.get(hash) ?? []), form]);
    seen[hash >>> 16] = 1;
  }
  return ({ codes, from, to, length }) => {
    const spans: Span[] = [];
    let hash = 0;
    let last: { readonly form: Form; readonly end: number } | undefined;
    for (let i = 0; i < length; i += 1) {
      hash = (Math.imul(hash, BASE) + (codes[i] ?? 0)) | 0;
      if (i >= WINDOW) hash = (hash - Math.imul(codes[i - WINDOW] ?? 0, LEAVING)) | 0;
      if (i < WINDOW - 1 || seen[hash >>> 16] === 0) continue;
      for (const form of byHash.get(hash) ?? []) {
        // A form that repeats itself is not measured again at each place of the same piece.
        if (last?.form === form && i < last.end) continue;
        const [start, end] = agreement(codes, length, i - WINDOW + 1, form);
        if (end - start < form.enough) continue;
        last = { form, end };
        spans.push({ from: from[start] ?? 0, to: to[end - 1] ?? 0 });
      }
    }
    return spans;
  };
};

/** The piece around a window that agrees with a form. */
const agreement = (codes: Uint16Array, length: number, at: number, form: Form): readonly [number, number] => {
  let start = at + WINDOW;
  const shift = form.middle - at;
  while (start > 0 && start + shift > 0 && codes[start - 1] === form.codes[start + shift - 1]) start -= 1;
  let end = at + WINDOW;
  while (end < length && end + shift < form.codes.length && codes[end] === form.codes[end + shift]) end += 1;
  return [start, end];
};

/** Finds where the longest beginning of a form starts that a view ends with, as a place in the original. */
const beginningSearch = (forms: readonly Form[]): ((view: TextView) => number | undefined) => {
  const byFirst = new Map<number, Form[]>();
  for (const form of forms) {
    const first = form.codes[0] ?? 0;
    byFirst.set(first, [...(byFirst.get(first) ?? []), form]);
  }
  const longest = forms.reduce((most, { codes }) => Math.max(most, codes.length), 0);
  return ({ codes, from, length }) => {
    for (let at = Math.max(0, length - longest + 1); at < length; at += 1)
      for (const form of byFirst.get(codes[at] ?? 0) ?? []) if (beginsWith(form, codes, at, length)) return from[at];
    return undefined;
  };
};

const beginsWith = ({ codes: form }: Form, codes: Uint16Array, at: number, length: number): boolean => {
  if (form.length <= length - at) return false;
  for (let i = at; i < length; i += 1) if (codes[i] !== form[i - at]) return false;
  return true;
};
