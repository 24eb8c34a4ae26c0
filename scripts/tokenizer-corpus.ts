/**
 * 2,000 lines on which tokenizers differ if they differ anywhere: many scripts, digits and number forms, white-space
 * runs, emoji sequences, code, markup, contractions, combining marks, odd code points. Made from word lists and a
 * formula, so that every run compares the same lines.
 */

const WORDS: Readonly<Record<string, readonly string[]>> = {
  english: "the quick brown fox jumps over a lazy dog while its friend's cat wasn't looking they'll we've I'd".split(
    " ",
  ),
  german: "Straße größer Öl Übung schön fließt Mädchen Äpfel Donaudampfschifffahrt daß".split(" "),
  french: "l'été où garçon naïve cœur déjà-vu aujourd'hui façade élève Noël".split(" "),
  polish: "źdźbło żółć gęślą jaźń Łódź święto ćwierć ńóż".split(" "),
  turkish: "İstanbul ışık ağaç çiçek şeker ölçü üzüm".split(" "),
  vietnamese: "tiếng Việt nước phở đường Nguyễn được rằng những".split(" "),
  greek: "Καλημέρα κόσμε άνθρωπος θάλασσα ψυχή ὕδωρ ἀρχή".split(" "),
  russian: "привет мир ёлка съёмка Москва щука объявление 2-й".split(" "),
  hebrew: "שָׁלוֹם עולם ירושלים תודה ספר".split(" "),
  arabic: "مرحبا بالعالم السلامُ عَلَيْكُم ٱلْحَمْدُ ١٢٣ لا".split(" "),
  persian: "سلام دنیا می‌خواهم کتاب‌ها ۴۵۶".split(" "),
  hindi: "नमस्ते दुनिया क्षत्रिय विद्यार्थी १२३ हिन्दी".split(" "),
  tamil: "வணக்கம் உலகம் தமிழ் புத்தகம்".split(" "),
  thai: "สวัสดีชาวโลก ภาษาไทย ๑๒๓ น้ำ".split(" "),
  chinese: "你好世界 人工智能 三百六十五 我们在学习 龍 臺灣".split(" "),
  japanese: "こんにちは 世界 カタカナ ひらがな 東京都 ﾊﾝｶｸ がぎぐ".split(" "),
  korean: "안녕하세요 세계 한국어 학습 컴퓨터".split(" "),
  georgian: "გამარჯობა მსოფლიო თბილისი".split(" "),
  amharic: "ሰላም ዓለም ኢትዮጵያ".split(" "),
};

const NUMBERS = [
  "0",
  "7",
  "42",
  "365",
  "1234",
  "20250131",
  "3.14159",
  "-17",
  "1,000,000",
  "0x1F",
  "1e-9",
  "½",
  "¼ cup",
  "3½",
  "x²",
  "m³",
  "Ⅳ",
  "ⅻ",
  "①②",
  "⑳",
  "٣٤",
  "४५",
  "１２",
  "𝟘𝟙𝟚",
  "二〇二四",
  "10%",
  "€9.99",
  "$5",
  "№ 5",
  "12:30",
  "1/3",
  "⅔",
  "๔",
  "5th",
  "a1b2",
];

const SPACES = [
  " ",
  "  ",
  "   ",
  "        ",
  "\t",
  "\t\t",
  " \t ",
  "\n",
  "\n\n",
  "\r\n",
  " \n ",
  "\n    ",
  "\u00a0",
  "\u2003",
  "\u3000",
  "\u200b",
  "\u2028",
  "\u0085",
  "\ufeff",
  "\v",
  "\f",
];

const MARKS = [
  "!",
  "?!",
  "...",
  "…",
  "—",
  "–",
  "«»",
  "“”",
  "‘’",
  "'",
  '"',
  "()",
  "[]",
  "{}",
  "<>",
  "&amp;",
  "@",
  "#",
  "##",
  "***",
  "___",
  "~~",
  "^",
  "`",
  "```",
  "\\",
  "|",
  "||",
  "+=",
  "=>",
  "->",
  "!=",
  "。",
  "、",
  "¿",
  "·",
  "•",
  "§",
  "©",
  "™",
  "°",
  "±",
  "×",
  "÷",
  "≈",
  "∑",
  "√",
  "∞",
  "→",
  "♥",
  "␣",
  "▁",
  "Ġ",
];

const PICTURES = [
  "🙂",
  "😀😀",
  "👍🏽",
  "👩‍👩‍👧‍👦",
  "🏳️‍🌈",
  "🇩🇪🇫🇷",
  "❤️",
  "☃",
  "1️⃣",
  "🧑🏿‍🚀",
  "✅",
  "𝔘𝔫𝔦",
  "𐍈",
  "🀄",
  "e\u0301",
  "n\u0303o",
  "Z\u0351\u036b\u0343",
  "\u0301",
  "\u200d",
  "\u202e",
  "\u00ad",
  "\ue000",
  "\uffff",
  "\u{10ffff}",
  "\u0000",
  "\u0007",
  "\u001b[31m",
];

const CODE = [
  "function f(x) { return x ** 2; }",
  "    if (a[i] != b->c && !d) {",
  "\t\tfor (int i = 0; i < n; ++i)",
  "def __init__(self, *args, **kwargs):",
  "print(f'{x:>10.2f}')",
  "SELECT * FROM t WHERE id = '42';",
  '<div class="a-b">text &nbsp; more</div>',
  'let s: &str = "q\\n";',
  "#include <stdio.h>\r\nint main(){return 0;}\r\n",
  "https://example.org/a/b?c=d&e=%20f#g",
  "user.name+tag@example.co.uk",
  "$ cd ~/x && ls -la | grep '^d'",
  '{"key": [1, 2.5e3, null, true], "k2": "v"}',
  "camelCaseName snake_case_name SCREAMING_CASE kebab-case",
  "x = a if b else c  # comment",
  "IT'S They'LL I'M don't DON'T we'Ve l'D",
  "\\frac{a}{b} + \\sum_{i=1}^{n} x_i^2",
  "| a | b |\n|---|---|\n| 1 | 2 |",
  "1. first\n2. second\n   - nested",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "================================",
  "0123456789".repeat(4),
  "ha".repeat(30),
  " ".repeat(70),
  "\n".repeat(20),
  "Ünïcödé".repeat(5),
];

/** A whole number below `below` for the n-th choice of a line. */
const choice = (line: number, n: number, below: number): number => {
  let x = (line * 7919 + n * 104729 + 1) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  return ((x ^ (x >>> 16)) >>> 0) % below;
};

/** The lines, in a fixed order; some hold line breaks themselves. */
export const tokenizerCorpus = (): string[] => {
  const languages = Object.values(WORDS);
  const lists = [NUMBERS, MARKS, PICTURES, CODE];
  const singles = [...lists, SPACES, ...languages].flat();
  const lines = [...singles, ...singles.map((text) => ` ${text}`)];
  for (let line = lines.length; line < 2000; line += 1) {
    const language = languages[choice(line, 0, languages.length)] as readonly string[];
    const parts: string[] = [];
    const length = 2 + choice(line, 1, 12);
    for (let i = 0; i < length; i += 1) {
      const kind = choice(line, 10 * i + 2, 10);
      const list = kind < 6 ? language : (lists[kind - 6] as readonly string[]);
      parts.push(list[choice(line, 10 * i + 3, list.length)] as string);
      const glue = choice(line, 10 * i + 4, 10);
      if (glue < 6) parts.push(" ");
      else if (glue < 8) parts.push(SPACES[choice(line, 10 * i + 5, SPACES.length)] as string);
    }
    lines.push(parts.join(""));
  }
  return lines.slice(0, 2000);
};
