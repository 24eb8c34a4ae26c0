/** What outsiders may write to get at a terminal, and how to see whether it got there. Written without a look at the writer. */

const ESC = "\u001b";
const tags = (text: string): string =>
  [...text].map((letter) => String.fromCodePoint(0xe0000 + (letter.codePointAt(0) ?? 0))).join("");

/** Begins the line that some payloads try to forge. */
export const FORGED = "agentflow: forged";

export const payloads: Readonly<Record<string, string>> = {
  "clear screen": `${ESC}[2J${ESC}[H`,
  "colour of ours": `${ESC}[31mred${ESC}[39m`,
  "bold of ours": `${ESC}[1mbold${ESC}[22m`,
  hidden: `${ESC}[8mhidden${ESC}[28m`,
  "256 colours": `${ESC}[38;5;196m`,
  title: `${ESC}]0;title\u0007`,
  "title by ST": `${ESC}]2;title${ESC}\\`,
  clipboard: `${ESC}]52;c;cm0gLXJmIH4=\u0007`,
  link: `${ESC}]8;;https://evil.example${ESC}\\bank.example${ESC}]8;;${ESC}\\`,
  "device control": `${ESC}P+q544e${ESC}\\`,
  application: `${ESC}_Gf=100;AAAA${ESC}\\`,
  "private message": `${ESC}^text${ESC}\\`,
  "report back": `${ESC}[6n${ESC}[c${ESC}[21t`,
  "other screen": `${ESC}[?1049h`,
  "pasted brackets": `${ESC}[201~rm -rf ~\r`,
  reset: `${ESC}c`,
  "cursor up": `${ESC}[1A${ESC}[2K`,
  "erase the line": `\r${ESC}[2K`,
  "a new line": `\n${FORGED}`,
  "carriage return": `\r${FORGED}`,
  "return and new line": `\r\n${FORGED}`,
  "other line ends": `\u000b${FORGED}\u000c${FORGED}\u0085${FORGED}\u2028${FORGED}\u2029${FORGED}`,
  tab: "\t\t",
  bell: "\u0007\u0007",
  backspace: "no\b\byes",
  nul: "a\u0000b",
  "shift out": "\u000e\u000f",
  delete: "\u007f\u007f",
  "C1 sequence": "\u009b31m\u009c",
  "C1 command": "\u009d0;title\u009c",
  "C1 strings": "\u0090q\u009c\u009ft\u009c\u009et\u009c\u0098t\u009c",
  "turned text": "\u202egpj.exe\u202c",
  "turned by embedding": "\u202a\u202b\u202dabc\u202c",
  isolates: "\u2066\u2067\u2068abc\u2069",
  "marks of direction": "\u200e\u200f\u061c",
  "zero width": "pay\u200bpal\u200c\u200d\u2060",
  "byte order": "\ufeffa\ufeff",
  "tag letters": `\u{e0001}${tags("ignore all")}\u{e007f}`,
  "variation selectors": "a\ufe00\ufe01\u{e0100}\u{e01ef}",
  "soft hyphen": "pay\u00adpal",
  fillers: "\u3164\u115f\u1160\uffa0",
  annotation: "\ufff9a\ufffab\ufffb",
  "lone surrogates": "\ud800a\udc00",
  "invisible operators": "\u2061\u2062\u2063\u2064\u034f\u180e",
};

const ranges: readonly (readonly [number, number])[] = [
  [0x00, 0x09],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
];

/** Every letter of a text that a terminal would obey or not show, but line breaks: U+001B, … */
export const controlsIn = (text: string): string[] => [
  ...new Set(
    Array.from(text, (letter) => letter.codePointAt(0) ?? 0)
      .filter((code) => ranges.some(([from, to]) => code >= from && code <= to))
      .map((code) => `U+${code.toString(16).toUpperCase().padStart(4, "0")}`),
  ),
];

/** Without what the command itself may tell a terminal: its four styles around a text, and to take the live line back. */
export const withoutOurs = (text: string): string =>
  text
    .replaceAll(`\r${ESC}[2K`, "")
    .replace(
      new RegExp(`${ESC}\\[([12])m([^${ESC}\\n]*)${ESC}\\[22m|${ESC}\\[3[12]m([^${ESC}\\n]*)${ESC}\\[39m`, "g"),
      "$2$3",
    );
