/** How a report looks: by the reader's colour scheme, from a phone to paper. The charts' colours are told apart by value. */
export const reportStyle = `
:root { color-scheme: light dark; --page: #ffffff; --card: #f5f6f8; --text: #1b1f24; --quiet: #57606a; --edge: #d6dae0;
  --good: #1a7f37; --bad: #b42318; --line: #0b5fd0; --dot: #a84509; --before: #6b727c; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1216; --card: #191d23; --text: #e7eaee; --quiet: #a0a8b2;
  --edge: #30363e; --good: #4ac26b; --bad: #ff8a80; --line: #6cb0ff; --dot: #f0985e; --before: #98a1ac; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 40px 0 8px; }
p { margin: 8px 0; }
.quiet { color: var(--quiet); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; margin: 20px 0; padding: 0; list-style: none; }
.cards li { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 14px; }
.cards b { display: block; font-size: 1.5rem; line-height: 1.3; font-weight: 650; }
.cards small { display: block; color: var(--quiet); }
.up { color: var(--good); } .down { color: var(--bad); }
figure { margin: 8px 0; } figcaption { color: var(--quiet); font-size: 0.9rem; }
svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; } .scroll svg { min-width: 560px; }
.small { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 8px 24px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--edge); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { font-weight: 600; }
td.free { white-space: normal; overflow-wrap: anywhere; text-align: left; }
pre { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px 14px; overflow-x: auto; font-size: 0.88rem; }
ol, ul.plain { padding-left: 1.2rem; } details summary { cursor: pointer; padding: 6px 0; }
svg [fill="#767b84"], svg[fill="#767b84"] { fill: var(--quiet); }
svg [fill="#8a8f98"] { fill: var(--before); } svg [stroke="#8a8f98"] { stroke: var(--before); }
svg [fill="#2da44e"] { fill: var(--good); } svg [stroke="#2da44e"] { stroke: var(--good); }
svg [fill="#2f81f7"] { fill: var(--line); } svg [stroke="#2f81f7"] { stroke: var(--line); }
svg [fill="#db6d28"] { fill: var(--dot); } svg [stroke="#db6d28"] { stroke: var(--dot); }
@media print { main { max-width: none; } h2 { break-after: avoid; } figure, .cards li { break-inside: avoid; } }
`;
