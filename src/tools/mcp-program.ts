import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { parseJson } from "../bounded-json.ts";
import { messageOf, ToolError } from "../errors.ts";
import { exactJson } from "../number-text.ts";

export interface McpProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
}

const LINE_BREAK = 10;
/** Of one message. */
const MOST_BYTES = 16 * 2 ** 20;
/** Of all that comes after a message of ours, until the next one. */
const MOST_LINES = 20_000;
const MOST_BYTES_A_MESSAGE = 64 * 2 ** 20;
/** Lines after which other work runs. */
const TURN = 64;
const FAREWELL_MILLISECONDS = 2000;

/**
 * A program that speaks MCP on its standard streams, a message a line. What it writes is taken in in turns with other work,
 * lines that are not messages are skipped, and a program that writes without end is ended: deadlines hold whatever it does.
 */
export const programTransport = ({ command, args, env, cwd }: McpProgramOptions): Transport => {
  let child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  let [lines, bytes] = [0, 0];

  const close = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once("exit", () => resolve()));
    ending.stdin.end();
    ending.kill();
    const timer = setTimeout(() => ending.kill("SIGKILL"), FAREWELL_MILLISECONDS);
    await ended;
    clearTimeout(timer);
    ending.stdout.destroy();
  };

  const take = (line: Buffer): void => {
    lines += 1;
    bytes += line.length;
    if (lines > MOST_LINES || bytes > MOST_BYTES_A_MESSAGE) throw new ToolError("The server writes without end.");
    let message: unknown;
    try {
      message = parseJson(exactJson(line.toString("utf8")), { depth: 512 });
    } catch (error) {
      transport.onerror?.(new ToolError(`The server wrote a line that is not a message: ${messageOf(error)}.`));
      return;
    }
    if (typeof message === "object" && message !== null && "jsonrpc" in message)
      transport.onmessage?.(message as JSONRPCMessage);
  };

  const readAll = async (output: Readable): Promise<void> => {
    let begun: Buffer[] = [];
    let length = 0;
    let turn = 0;
    for await (const chunk of output as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, start)) {
        take(Buffer.concat([...begun, chunk.subarray(start, end)]));
        [begun, length, start] = [[], 0, end + 1];
        turn += 1;
        if (turn % TURN === 0) await new Promise((resume) => setImmediate(resume));
        if (child === undefined) return;
      }
      if (start < chunk.length) begun.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > MOST_BYTES) throw new ToolError(`The server sent more than ${MOST_BYTES} bytes at once.`);
    }
  };

  const transport: Transport = {
    start: () =>
      new Promise<void>((resolve, reject) => {
        const started = spawn(command, args, { env, cwd, stdio: ["pipe", "pipe", "ignore"], windowsHide: true });
        child = started;
        started.on("error", (error) => {
          reject(error);
          transport.onerror?.(error);
        });
        started.on("spawn", resolve);
        started.on("close", () => {
          child = undefined;
          transport.onclose?.();
        });
        // A program that ended does not read what it is sent.
        started.stdin.on("error", (error) => transport.onerror?.(error));
        readAll(started.stdout).catch((error: Error) => {
          transport.onerror?.(error);
          return close();
        });
      }),
    send: (message) =>
      new Promise<void>((resolve, reject) => {
        [lines, bytes] = [0, 0];
        if (child === undefined) reject(new ToolError("The server has ended."));
        else child.stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
      }),
    close,
  };
  return transport;
};
