import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { holderOf, tryLock, withLock } from "./file-lock.ts";
import { thisProcess } from "./process-name.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "agentflow-lock-"));
  path = join(folder, ".owner");
});
afterEach(() => rmSync(folder, { recursive: true }));

const GONE = 2 ** 22 + 7;

describe("a lock", () => {
  it("has one owner, who is named, and is free when it is given back", async () => {
    const { lock } = await tryLock(path);
    expect(lock?.by).toBe("link");
    expect((await tryLock(path)).holder).toMatchObject({ pid: process.pid });
    expect(await holderOf(path)).toMatchObject({ pid: process.pid });
    await lock?.release();
    expect(await holderOf(path)).toBeUndefined();
    const again = await tryLock(path);
    // Given back once more, it does not take the lock of the next one along.
    await lock?.release();
    expect((await tryLock(path)).lock).toBeUndefined();
    await again.lock?.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("of the dead is taken over, whatever is in it", async () => {
    const me = await thisProcess();
    const left = [
      JSON.stringify({ ...me, pid: GONE, token: "a" }),
      // The number of a process that lives, and that began at another time.
      JSON.stringify({ ...me, began: "earlier", token: "a" }),
      JSON.stringify({ pid: GONE, began: "1" }),
      "",
      '{"pid":',
      "null",
      JSON.stringify({ ...me, token: "../../away" }),
    ];
    for (const text of left) {
      writeFileSync(path, text);
      const { lock } = await tryLock(path);
      expect(lock, text).toBeDefined();
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject(me);
      await lock?.release();
      expect(readdirSync(folder)).toEqual([]);
    }
  }, 180_000);

  it("is found where its owner died as it took over, however often that happened", async () => {
    const me = await thisProcess();
    const dead = { ...me, pid: GONE };
    writeFileSync(path, JSON.stringify({ ...dead, token: "a" }));
    writeFileSync(`${path}.a.next`, JSON.stringify({ ...dead, token: "b" }));
    writeFileSync(`${path}.b.next`, JSON.stringify({ ...me, token: "c" }));
    expect((await tryLock(path)).holder?.token).toBe("c");
    writeFileSync(`${path}.b.next`, JSON.stringify({ ...dead, token: "c" }));
    const { lock } = await tryLock(path);
    expect(lock).toBeDefined();
    await lock?.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("of another machine is not taken, for nobody can tell from here", async () => {
    writeFileSync(path, JSON.stringify({ pid: GONE, began: "1", host: "elsewhere", token: "a" }));
    expect((await tryLock(path)).holder).toMatchObject({ pid: GONE, host: "elsewhere" });
    const { lock } = await tryLock(path, { isGone: ({ host }) => host === "elsewhere" });
    expect(lock).toBeDefined();
  });

  it("is waited for, one at a time", async () => {
    let inside = 0;
    const told: number[] = [];
    const work = async (): Promise<number> => {
      inside += 1;
      expect(inside).toBe(1);
      await new Promise((wake) => setTimeout(wake, 20));
      inside -= 1;
      return 7;
    };
    const all = Array.from({ length: 4 }, () => withLock(path, work, { onWait: (pid) => void told.push(pid) }));
    expect(await Promise.all(all)).toEqual([7, 7, 7, 7]);
    expect(told.length).toBeGreaterThanOrEqual(3);
    const abort = new AbortController();
    const { lock } = await tryLock(path);
    const waiting = withLock(path, work, { abortSignal: abort.signal, onWait: () => abort.abort(new Error("enough")) });
    await expect(waiting).rejects.toThrow("enough");
    await lock?.release();
  }, 180_000);
});
