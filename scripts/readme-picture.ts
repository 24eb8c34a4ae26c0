/**
 * Records a short session of the command line in a pseudo-terminal of 80 columns (`script` of util-linux), with its timing,
 * and draws it as an animated SVG, `docs/terminal.svg`. The output is what the command printed. What it took to start is
 * left out, and the rest is played in eight seconds at most.
 *
 *   npm run build && npx tsx scripts/readme-picture.ts
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { movingPicture } from "./picture/moving-picture.ts";
import { type Chunk, shownLines } from "./picture/terminal-screen.ts";

const COMMAND = 'npx agentflow solve --no-store "How many isotopes does the element Iron have?"';
const LONGEST = 8;
const MOST_BYTES = 60_000;

const root = join(import.meta.dirname, "..");
const [command = COMMAND] = process.argv.slice(2);

/** A folder where `npx agentflow` is this checkout's, and no run of anybody's is the newest. */
const folder = mkdtempSync(join(tmpdir(), "agentflow-picture-"));
const bin = join(folder, "node_modules/.bin");
mkdirSync(bin, { recursive: true });
symlinkSync(join(root, "dist/cli/main.js"), join(bin, "agentflow"));
chmodSync(join(root, "dist/cli/main.js"), 0o755);

const record = async (): Promise<readonly Chunk[]> => {
  const chunks: { at: number; text: string }[] = [];
  const inside = `stty cols 80 rows 50; exec ${command}`;
  const { NO_COLOR: _, ...env } = process.env;
  const child = spawn("script", ["--quiet", "--flush", "--return", "--command", inside, "/dev/null"], {
    cwd: folder,
    env: { ...env, TERM: "xterm-256color" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => chunks.push({ at: performance.now(), text }));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const start = chunks[0]?.at;
  if (code !== 0 || start === undefined) throw new Error(`${command} ended with ${code}; it was not recorded.`);
  return chunks.map(({ at, text }) => ({ seconds: (at - start) / 1000, text }));
};

try {
  const chunks = await record();
  const seconds = chunks.at(-1)?.seconds ?? 0;
  const speed = Math.max(1, seconds / LONGEST);
  // It begins half a second after the command is there.
  const lines = shownLines(chunks.map((chunk) => ({ ...chunk, seconds: chunk.seconds + 0.5 * speed })));
  const picture = movingPicture(lines, command, speed);
  const bytes = Buffer.byteLength(picture);
  if (bytes > MOST_BYTES) throw new Error(`The picture has ${bytes} bytes: at most ${MOST_BYTES}. Record less.`);
  writeFileSync(join(root, "docs/terminal.svg"), picture);
  console.log(
    `docs/terminal.svg: ${bytes} bytes, ${lines.length} lines, ${seconds.toFixed(1)} s played in ${(seconds / speed).toFixed(1)} s`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
