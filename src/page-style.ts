/** Pages that stand alone: one file, no script, nothing fetched. */

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1b1b1f, #e8e8ea); --soft: light-dark(#5c5c66, #a5a5af); --line: light-dark(#dcdce2, #3a3a42); --paper: light-dark(#fff, #151518); --good: light-dark(#17683b, #6fcf97); --bad: light-dark(#a11a2b, #ff8a94); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; } td.number, th.number { text-align: right; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
`.trim();

/** Text as HTML shows it: no mark of it is read as one. */
export const escapeHtml = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

/** A whole page from its title, which is escaped, and its body, which is HTML already. */
export const htmlPage = (title: string, body: string): string =>
  [
    "<!doctype html>",
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>`,
    `<body>${body}</body></html>\n`,
  ].join("\n");
