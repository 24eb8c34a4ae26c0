/** A pattern that may take more than linear time, and why it cannot here. */
export interface PatternException {
  readonly file: string;
  readonly pattern: string;
  readonly why: string;
}

export const exceptions: readonly PatternException[] = [
  {
    file: "src/secrets/forms.ts",
    pattern: "=+$",
    why: "its text is base64, which ends in two equals signs at most and has none before",
  },
];

/** A pattern that the program puts together: how its argument begins in the source, and one that comes of it. */
export interface BuiltPattern {
  readonly file: string;
  readonly begins: string;
  readonly suchAs: string;
  readonly flags: string;
  readonly why: string;
}

export const builtPatterns: readonly BuiltPattern[] = [
  {
    file: "src/engines/onnx/text/train-tokenizer.ts",
    begins: "PLANNER_PIECES",
    suchAs: " ?@\\d+|[. ]?[\\p{L}_]+\\d?|\\.\\d| ?\\[\\d+\\]\\n?| ?\\d| ?[^\\s\\p{L}\\d]+|\\s+",
    flags: "gu",
    why: "the constant stands in text/tokenizer.ts, which writes it into tokenizer.json as well",
  },
  {
    file: "src/flow/rules/units.ts",
    begins: "`\\\\b(?:how many",
    suchAs:
      "\\b(?:how many|count the|(?:what|which|the|total) number of|number of)\\s+(?:\\p{L}+\\s+)??(square kilometres|us dollars|feet|u)(?![\\p{L}\\p{N}])",
    flags: "iu",
    why: "the names are those of a table in the same file",
  },
  {
    file: "src/flow/rules/units.ts",
    begins: "`(?:\\\\bin",
    suchAs:
      "(?:\\bin|\\bexpressed as|\\()\\s*(?:whole |full |complete )?(square kilometres|us dollars|feet|u)(?![\\p{L}\\p{N}])",
    flags: "iu",
    why: "the names are those of a table in the same file",
  },
  {
    file: "src/learn/project/check-project.ts",
    begins: "`(?<![",
    suchAs: "(?<![\\p{L}\\p{N}.])an answer(?![\\p{L}\\p{N}])",
    flags: "iu",
    why: "what is put in is a text of at most 200 characters without any operator",
  },
  {
    file: "src/flow/input/read-schema.ts",
    begins: "value",
    suchAs: "\\bx\\b",
    flags: "u",
    why: "it is compiled to see whether it is a pattern at all, and tried on nothing",
  },
  {
    file: "src/flow/input/validator.ts",
    begins: "pattern",
    suchAs: "\\bx\\b",
    flags: "u",
    why: "an author's own pattern that the linear engine cannot run; it is tried on 256 characters at most",
  },
];
