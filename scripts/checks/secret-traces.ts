/** How secrets are written by those who echo them, and how they are looked for: by nothing that the redaction itself uses. */

const bytesOf = (text: string): Buffer => Buffer.from(text, "utf8");
const base64 = (text: string): string => bytesOf(text).toString("base64");
const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const lines = (text: string, width: number, end: string): string =>
  (text.match(new RegExp(`.{1,${width}}`, "gs")) ?? []).join(end);
const perCharacter =
  (write: (code: number) => string) =>
  (text: string): string =>
    [...text].map((character) => write(character.charCodeAt(0))).join("");
const hex4 = (code: number): string => code.toString(16).padStart(4, "0");
const named: Readonly<Record<string, string>> = {
  "/": "&sol;",
  "+": "&plus;",
  "=": "&equals;",
  _: "&lowbar;",
  '"': "&quot;",
};

/** Each takes a secret into a form that a reader can undo. */
export const writings: readonly (readonly [name: string, write: (secret: string) => string])[] = [
  ["plain", (secret) => secret],
  ["JSON", json],
  ["JSON in JSON", (secret) => json(json(secret))],
  ["JSON with \\/", (secret) => json(secret).replaceAll("/", "\\/")],
  ["percent", encodeURIComponent],
  ["percent, lower case", (secret) => encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase())],
  ["percent, every byte", perCharacter((code) => `%${code.toString(16)}`)],
  ["percent twice", (secret) => encodeURIComponent(encodeURIComponent(secret))],
  ["form", (secret) => new URLSearchParams({ k: secret }).toString().slice(2)],
  ["\\u", perCharacter((code) => `\\u${hex4(code)}`)],
  ["\\x", perCharacter((code) => `\\x${code.toString(16)}`)],
  ["HTML, decimal", perCharacter((code) => `&#${code};`)],
  ["HTML, hexadecimal", perCharacter((code) => `&#x${code.toString(16).toUpperCase()};`)],
  ["HTML, names", (secret) => secret.replaceAll("&", "&amp;").replace(/[/+=_"]/g, (one) => named[one] ?? one)],
  ["base64", base64],
  ["base64, one byte on", (secret) => base64(`:${secret}`)],
  ["base64, two bytes on", (secret) => base64(`u:${secret}!`)],
  ["base64url", (secret) => bytesOf(`user:${secret}`).toString("base64url")],
  ["base64 in lines", (secret) => lines(base64(`Basic ${secret} and more`), 8, "\r\n")],
  ["base64 in lines, JSON", (secret) => json(lines(base64(`user ${secret}`), 12, "\n"))],
  ["base64 twice", (secret) => base64(`x${base64(`ab${secret}`)}`)],
  ["JSON in base64", (secret) => base64(JSON.stringify({ secret }))],
  ["hexadecimal", (secret) => bytesOf(secret).toString("hex")],
  ["hexadecimal, capitals", (secret) => bytesOf(secret).toString("hex").toUpperCase()],
  ["spaced", (secret) => [...secret].join(" ")],
  ["in lines", (secret) => lines(secret, 5, "\n")],
  ["zero width", (secret) => [...secret].join("\u200b")],
  ["capitals", (secret) => secret.toUpperCase()],
  ["small letters", (secret) => secret.toLowerCase()],
  ["bytes", (secret) => JSON.stringify(bytesOf(secret))],
];

const short: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
const names: Readonly<Record<string, string>> = {
  amp: "&",
  quot: '"',
  sol: "/",
  plus: "+",
  equals: "=",
  lowbar: "_",
};

/** All escapes of a text undone, once. */
const unescaped = (text: string): string =>
  text.replace(
    /%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|\\(.)|&#x([0-9a-f]{1,6});|&#(\d{1,7});|&(\w+);/gis,
    (whole, percent, u, x, other: string | undefined, entity, decimal, name: string | undefined) => {
      const code = percent ?? u ?? x ?? entity;
      if (code !== undefined) return String.fromCodePoint(Math.min(0x10ffff, Number.parseInt(code, 16)));
      if (decimal !== undefined) return String.fromCodePoint(Math.min(0x10ffff, Number(decimal)));
      if (other !== undefined) return short[other] ?? other;
      return names[name ?? ""] ?? whole;
    },
  );

const bare = (text: string): string => text.replace(/[\s\u200b\\+]/g, "");

/** What stands in base64, in hexadecimal or as a list of bytes in a text: wherever it may begin. */
const unpacked = (text: string): string[] => {
  const solid = text.replace(/[\s\u200b]/g, "");
  const packed = (solid.match(/[\w+/-]{12,}/g) ?? []).flatMap((run) =>
    [0, 1, 2, 3].map((at) => Buffer.from(run.slice(at), "base64").toString("latin1")),
  );
  const hex = (solid.match(/(?:[0-9a-f]{2}){6,}/gi) ?? []).map((run) => Buffer.from(run, "hex").toString("latin1"));
  const bytes = (solid.match(/(?:\d{1,3},){6,}\d{1,3}/g) ?? []).map((run) =>
    String.fromCharCode(...run.split(",").map(Number)),
  );
  return [packed.join("\0"), hex.join("\0"), bytes.join("\0")].filter((found) => found !== "");
};

/** Everything that a text says to a reader who takes trouble. */
const readings = (text: string): string[] => {
  const layers = [text];
  for (let i = 0; i < 4; i += 1) layers.push(unescaped(layers.at(-1) ?? ""));
  const different = [...new Set(layers)];
  const inside = different.flatMap(unpacked);
  return [...different, ...inside, ...inside.map(unescaped), ...inside.flatMap(unpacked)];
};

/** This many characters of either end are as bad as all of them. */
const PIECE = 14;

/** Which of these secrets can be read in a text, whole or by one of their ends. */
export const tracesIn = (text: string, secrets: readonly string[]): string[] => {
  const read = readings(text).map((one) => bare(one).toLowerCase());
  return secrets.filter((secret) => {
    const wanted = bare(secret).toLowerCase();
    const pieces = [wanted, wanted.slice(0, PIECE), wanted.slice(-PIECE)];
    return read.some((one) => pieces.some((piece) => one.includes(piece)));
  });
};
