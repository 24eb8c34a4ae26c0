const fractionOf = (_: string, a = "", b = "", c = "", d = ""): string => ` ${a}${b}/${c}${d}`;

/** LaTeX as plain text where it is only dress: `10,\!000`, `\dfrac12`, `\text{cm}`, `90^\circ`, `10^{6}`; the rest stays. */
export const plainLatex = (text: string): string =>
  text
    .replace(/[\u00a0\u2007\u2009\u202f]/g, " ")
    .replace(/[−–—‒]/g, "-")
    .replace(/[⁻⁰¹²³⁴-⁹]+/g, (power) => `^${power.normalize("NFKC").replace("−", "-")}`)
    .replace(/[¼½¾⅐-⅞]/g, (part) => ` ${part.normalize("NFKC").replace("⁄", "/")}`)
    .replace(/\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s?\{([^{}]*)\}/g, " $1")
    .replace(/\\[dtc]?frac\s?(?:\{([^{}]*)\}|(\d))\s?(?:\{([^{}]*)\}|(\d))/g, fractionOf)
    .replace(/\^\s?(?:\\circ|\{\\circ\})|\\degree/g, "°")
    .replace(/\^\{([^{}]*)\}/g, "^$1")
    .replace(/\\!\s?|\{,\}(?=\d)/g, (space) => (space === "{,}" ? "," : ""))
    .replace(/\\[,;: ]|~(?=\d{3})/g, " ")
    .replace(/\\([%$#&])/g, "$1")
    .replace(/\\(?:times|cdot)(?![a-zA-Z])|⋅|·/g, "×")
    .replace(/\\(?:left|right|displaystyle)(?![a-zA-Z])/g, "")
    .trim();
