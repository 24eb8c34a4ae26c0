import { randomFillSync } from "node:crypto";
import { runInThisContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { WASI_WORLD } from "./wasi-world.ts";

type Import = (...given: readonly (number | bigint)[]) => number;
interface Files {
  putFile(path: string, bytes: Uint8Array): void;
  putReadable(path: string, size: number, read: (into: Uint8Array, at: number) => number): void;
  putFolder(path: string): void;
  putDevice(path: string): void;
}
interface Memory {
  readonly buffer: ArrayBuffer;
}
interface World {
  memory: Memory | undefined;
  readonly imports: Readonly<Record<string, Import>>;
}
interface Made {
  filesOf(room: number): Files;
  worldOf(options: object): World;
  load(bytes: Uint8Array, imports: object): { readonly memory: Memory; readonly run: () => number };
}
type Make = (random: typeof randomFillSync) => Made;
const make: Make = runInThisContext(`(randomFillSync) => { ${WASI_WORLD}
  const load = (bytes, imports) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports;
  return { filesOf, worldOf, load };
}`);
const { filesOf, worldOf, load } = make(randomFillSync);

const [BADF, EXIST, FAULT, INVAL, ISDIR, MFILE, NOENT, NOSPC, NOTEMPTY, NOTSUP] = [
  8, 20, 21, 28, 31, 33, 44, 51, 55, 58,
];
const ROOT = 3;
const RESULT = 1000;
const [READ, WRITE] = [2n, 64n];
const [CREATE, EXCLUSIVE, CUT] = [1, 4, 8];
// Where the tests put things in the program's memory.
const [ANSWER, LIST, PATH, OTHER, DATA] = [8, 64, 256, 1024, 8192];

const open = (room = 2 ** 20) => {
  const said: string[] = [];
  const ended: unknown[] = [];
  const files = filesOf(room);
  files.putFolder("/tmp");
  files.putDevice("/dev/null");
  const lines = ["first\n", "second\n"];
  const world = worldOf({
    args: ["python", "-c"],
    env: ["HOME=/home"],
    files,
    outputs: [1, 2, RESULT],
    input: () => new TextEncoder().encode(lines.shift() ?? ""),
    output: (descriptor: number, bytes: Uint8Array) => said.push(`${descriptor} ${new TextDecoder().decode(bytes)}`),
    end: (why: unknown) => ended.push(why),
  });
  const memory = { buffer: new ArrayBuffer(4 * 65_536) };
  world.memory = memory;
  const call = (name: string, ...given: readonly (number | bigint)[]): number => world.imports[name]?.(...given) ?? -1;
  const bytes = (at: number, length: number): Uint8Array => new Uint8Array(memory.buffer, at, length);
  const number = (at = ANSWER): number => new DataView(memory.buffer).getUint32(at, true);
  const put = (at: number, text: string): number => new TextEncoder().encodeInto(text, bytes(at, 4000)).written;
  const list = (at: number, length: number): void => {
    new DataView(memory.buffer).setUint32(LIST, at, true);
    new DataView(memory.buffer).setUint32(LIST + 4, length, true);
  };
  const onPath = (name: string, path: string): number => call(name, ROOT, PATH, put(PATH, path));
  const openPath = (path: string, how = 0, rights = READ | WRITE): number =>
    call("path_open", ROOT, 0, PATH, put(PATH, path), how, rights, 0n, 0, ANSWER);
  const rename = (from: string, to: string): number =>
    call("path_rename", ROOT, PATH, put(PATH, from), ROOT, OTHER, put(OTHER, to));
  const write = (fd: number, text: string): number => {
    list(DATA, put(DATA, text));
    return call("fd_write", fd, LIST, 1, ANSWER);
  };
  const read = (fd: number, length = 100): string => {
    list(DATA, length);
    expect(call("fd_read", fd, LIST, 1, ANSWER)).toBe(0);
    return new TextDecoder().decode(bytes(DATA, number()));
  };
  const fill = (fd: number, length: number): number => {
    list(DATA, length);
    return call("fd_write", fd, LIST, 1, ANSWER);
  };
  return { said, ended, files, world, call, bytes, number, put, list, onPath, openPath, rename, write, read, fill };
};

describe("a world for WASI", () => {
  it("runs a module that writes", () => {
    const { world, said } = open();
    // (module (import fd_write) (memory (export "memory") 1) (data 0: [16, 6], 16: "hello\n")
    //   (func (export "run") (result i32) (call fd_write 1 0 1 8)))
    const text = (value: string): number[] => [value.length, ...new TextEncoder().encode(value)];
    const section = (id: number, ...content: readonly number[]): number[] => [id, content.length, ...content];
    const { memory, run } = load(
      Uint8Array.from([
        ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
        ...section(1, 2, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 1, 0x7f),
        ...section(2, 1, ...text("wasi_snapshot_preview1"), ...text("fd_write"), 0, 0),
        ...section(3, 1, 1),
        ...section(5, 1, 0, 1),
        ...section(7, 2, ...text("memory"), 2, 0, ...text("run"), 0, 1),
        ...section(10, 1, 12, 0, 0x41, 1, 0x41, 0, 0x41, 1, 0x41, 8, 0x10, 0, 0x0b),
        ...section(11, 2, 0, 0x41, 0, 0x0b, 5, 16, 0, 0, 0, 6, 0, 0x41, 16, 0x0b, ...text("hello\n")),
      ]),
      { wasi_snapshot_preview1: { ...world.imports } },
    );
    world.memory = memory;
    expect(run()).toBe(0);
    expect(said).toEqual(["1 hello\n"]);
  });

  it("keeps files, folders and what they are called", () => {
    const { onPath, openPath, write, read, rename, call, number } = open();
    expect(openPath("tmp/a")).toBe(NOENT);
    expect(openPath("tmp/a", CREATE | EXCLUSIVE)).toBe(0);
    const fd = number();
    expect(write(fd, "hello")).toBe(0);
    expect(call("fd_seek", fd, 1n, 0, ANSWER)).toBe(0);
    expect(read(fd)).toBe("ello");
    expect(openPath("tmp/a", CREATE | EXCLUSIVE)).toBe(EXIST);
    expect(onPath("path_create_directory", "tmp/b")).toBe(0);
    expect(rename("tmp/a", "tmp/b/c")).toBe(0);
    expect(onPath("path_remove_directory", "tmp/b")).toBe(NOTEMPTY);
    expect(rename("tmp/b", "tmp/b/c/d")).not.toBe(0);
    expect(onPath("path_unlink_file", "tmp/b/c")).toBe(0);
    // It has no name any more, and whoever has it open still reads it.
    expect(call("fd_seek", fd, 0n, 0, ANSWER)).toBe(0);
    expect(read(fd)).toBe("hello");
    expect(onPath("path_remove_directory", "tmp/b/")).toBe(0);
    expect(openPath("tmp/../tmp/./../../../tmp")).toBe(0);
    expect(openPath("tmp", CREATE)).toBe(ISDIR);
  });

  it("counts what files take, and gives it back", () => {
    const { onPath, openPath, fill, call, number } = open(200_000);
    expect(openPath("tmp/a", CREATE)).toBe(0);
    const fd = number();
    let written = 0;
    while (fill(fd, 10_000) === 0) written += 10_000;
    expect(fill(fd, 10_000)).toBe(NOSPC);
    expect(written).toBeGreaterThan(100_000);
    expect(written).toBeLessThanOrEqual(200_000);
    expect(openPath("tmp/b", CREATE)).toBe(0);
    expect(call("fd_filestat_set_size", number(), 2n ** 40n)).toBe(NOSPC);
    // As long as it is open it takes what it took.
    expect(onPath("path_unlink_file", "tmp/a")).toBe(0);
    expect(openPath("tmp/c", CREATE)).toBe(0);
    const other = number();
    expect(call("fd_filestat_set_size", other, 150_000n)).toBe(NOSPC);
    expect(call("fd_close", fd)).toBe(0);
    expect(call("fd_filestat_set_size", other, 150_000n)).toBe(0);
    let names = 0;
    while (onPath("path_create_directory", `tmp/${names}`) === 0) names += 1;
    expect(names).toBeLessThan(200);
  });

  it("lists a folder in parts, each name once", () => {
    const { onPath, openPath, call, number, bytes } = open();
    for (const name of ["one", "two", "three", "four"]) onPath("path_create_directory", `tmp/${name}`);
    expect(openPath("tmp")).toBe(0);
    const fd = number();
    const names: string[] = [];
    for (let cookie = 0n; ; ) {
      expect(call("fd_readdir", fd, DATA, 60, cookie, ANSWER)).toBe(0);
      const used = number();
      const view = new DataView(bytes(DATA, used).slice().buffer);
      for (let at = 0; at + 24 <= used && at + 24 + view.getUint32(at + 16, true) <= used; ) {
        const length = view.getUint32(at + 16, true);
        names.push(new TextDecoder().decode(bytes(DATA + at + 24, length)));
        cookie = view.getBigUint64(at, true);
        at += 24 + length;
      }
      if (used < 60) break;
    }
    expect(names).toEqual(["one", "two", "three", "four"]);
  });

  it("gives what is there to be read only, and a text to read", () => {
    const { files, openPath, read, number, call } = open();
    files.putReadable("/usr/library", 10, (into, at) => into.fill(at + 65).length);
    expect(openPath("usr/library", 0, READ)).toBe(0);
    const fd = number();
    expect(read(fd, 2)).toBe("AA");
    expect(read(fd, 2)).toBe("CC");
    expect(openPath("usr/library", CUT)).not.toBe(0);
    expect(openPath("usr/library", 0, WRITE)).not.toBe(0);
    expect(read(0, 3)).toBe("fir");
    expect(read(0)).toBe("st\n");
    expect(read(0)).toBe("second\n");
    expect(read(0)).toBe("");
    expect(call("fd_seek", 0, 0n, 0, ANSWER)).not.toBe(0);
  });

  it("has no more descriptors than it says, and one that stays", () => {
    const { openPath, call, write, said } = open();
    let opened = 0;
    while (openPath("tmp/a", CREATE) === 0) opened += 1;
    expect(openPath("tmp/a", CREATE)).toBe(MFILE);
    expect(opened).toBeLessThan(256);
    for (let fd = 0; fd < 300; fd += 1) call("fd_close", fd);
    expect(call("fd_close", RESULT)).toBe(BADF);
    expect(write(RESULT, "result")).toBe(0);
    expect(write(1, "gone")).toBe(BADF);
    expect(said).toEqual([`${RESULT} result`]);
  });

  it("answers pointers that lead out of memory, and strange numbers, with an error", () => {
    const { world, call, list, onPath, ended } = open();
    const far = 2 ** 31;
    expect(call("random_get", far, 10)).toBe(FAULT);
    expect(call("clock_time_get", 0, 0n, -1)).toBe(FAULT);
    expect(call("clock_time_get", 9, 0n, ANSWER)).toBe(INVAL);
    list(-8, -1);
    expect(call("fd_write", 1, LIST, 1, ANSWER)).toBe(FAULT);
    expect(call("fd_write", 1, LIST, -1, ANSWER)).toBe(FAULT);
    expect(call("path_open", ROOT, 0, PATH, -1, 0, 0n, 0n, 0, ANSWER)).not.toBe(0);
    expect(call("fd_seek", ROOT, -1n, 0, ANSWER)).not.toBe(0);
    expect(call("poll_oneoff", 0, 0, 0, ANSWER)).toBe(INVAL);
    expect(call("poll_oneoff", 0, 0, -1, ANSWER)).toBe(INVAL);
    for (const path of ["", "/", "..", "tmp/..", `tmp/${"x".repeat(300)}`, "tmp/no/such"])
      for (const name of ["path_create_directory", "path_unlink_file", "path_remove_directory"])
        expect(onPath(name, path), `${name} ${path}`).not.toBe(0);
    for (const name of ["path_link", "path_symlink", "sock_accept", "sock_recv", "sock_send", "sock_shutdown"])
      expect(call(name), name).toBe(NOTSUP);
    // Whatever numbers a program passes, it gets a number back.
    const values = [0, 1, 3, 64, -1, 2 ** 31, 4_000_000_000];
    for (const name of Object.keys(world.imports).filter((one) => !["proc_exit", "poll_oneoff"].includes(one)))
      for (const value of values) {
        const answer = call(name, value, value, value, value, value, value, value, value, value);
        expect(typeof (answer ?? 0), name).toBe("number");
      }
    call("proc_exit", 7);
    expect(ended.at(-1)).toBe(7);
  });
});
