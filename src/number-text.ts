import { defined } from "./options.ts";
import type { Field } from "./tool.ts";

/** Digits with one kind of mark between thousands, each before exactly three digits, and a decimal mark. */
const FORMS: readonly (readonly [form: RegExp, thousands: RegExp])[] = [
  [/^(?:\d+(?:\.\d+)?|\.\d+)$/u, /(?!)/gu],
  [/^[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?$/u, /,/gu],
  [/^\d*,\d+$/u, /(?!)/gu],
  [/^[1-9]\d{0,2}(?:\.\d{3})+,\d+$/u, /\./gu],
  [/^[1-9]\d{0,2}(?:\.\d{3}){2,}$/u, /\./gu],
  [/^[1-9]\d{0,2}(?:[ \u00a0\u2009\u202f'’]\d{3})+(?:[.,]\d+)?$/u, /[ \u00a0\u2009\u202f'’]/gu],
];

/**
 * The number that a whole text is: `1,234.5`, `12,5`, `1.234,5`, `1 234`, `-3e8`. Undefined for any other text, for a code such
 * as `007`, and for a whole number whose digits a double does not keep (9007199254740993): such a text stays a text.
 */
export const numberOf = (text: string): number | undefined => {
  const [, sign = "", digits = "", exponent = ""] = /^([-+−]?)([^e]+)(e[-+]?\d+)?$/iu.exec(text.trim()) ?? [];
  const thousands = FORMS.find(([form]) => form.test(digits))?.[1];
  if (thousands === undefined || /^0\d/u.test(digits)) return undefined;
  const plain = digits.replace(thousands, "").replace(",", ".");
  const value = Number(`${sign === "−" ? "-" : sign}${plain}${exponent}`);
  const whole = plain.split(".")[0] ?? "";
  const isExact = exponent !== "" || Number.isSafeInteger(Number(whole)) || String(Number(plain)) === plain;
  return Number.isFinite(value) && isExact ? value : undefined;
};

/**
 * A text as a field: a date (`2024-02-29`), a number with its unit if it has one (`12,5 kg`), else the text.
 */
export const fieldOfText = (text: string): Field => {
  if (/^\d{4}-\d{2}-\d{2}$/u.test(text)) return { kind: "date", value: text };
  const [, digits = "", unit] =
    /^([-+−]?[\d.,][\d.,\s'’]*(?:e[-+]?\d+)?)(?<=\S)\s*([\p{L}°%²³/]{1,12})?$/iu.exec(text) ?? [];
  const value = numberOf(digits);
  return value === undefined ? { kind: "text", value: text } : { kind: "number", value, ...defined({ unit }) };
};

/**
 * A computed number without the noise of floats (63.546 - 55.845 is 7.701): twelve significant digits, and three decimals at
 * least as far as a double has them. Whole numbers stay as they are.
 */
export const tidied = (value: number): number => {
  if (Number.isInteger(value) || !Number.isFinite(value)) return value;
  const digits = Math.max(12, Math.ceil(Math.log10(Math.abs(value))) + 3);
  return digits > 15 ? value : Number(value.toPrecision(digits));
};

/** Texts of JSON, also one without an end, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"?|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/gisu;

/** A JSON text whose whole numbers are exact: those whose digits a double does not keep become texts. */
export const exactJson = (json: string): string =>
  /\d{16}/u.test(json)
    ? json.replace(TOKENS, (token) =>
        /^-?[1-9]\d*$/u.test(token) && numberOf(token) === undefined ? `"${token}"` : token,
      )
    : json;
