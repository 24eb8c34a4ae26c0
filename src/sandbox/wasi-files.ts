/**
 * Files in memory for a WASI program, as JavaScript text for the child process. Everything that a program can make is
 * counted: a file by the memory that it takes, and each name by a flat sum. Names are keys of a Map, so none means anything
 * to JavaScript. No path leads above the root, and there are no links.
 *
 * Text that follows it can call `filesOf(room)`, `room` being the bytes that files may take; what a program may not do
 * throws an `Errno`, whose `number` is WASI's.
 */
export const WASI_FILES = String.raw`
class Errno { constructor(number) { this.number = number; } }
const fail = (number) => { throw new Errno(number); };
const [ACCES, BADF, EXIST, FAULT, INVAL, ISDIR, MFILE, NAMETOOLONG, NOENT, NOSPC, NOTDIR, NOTEMPTY, NOTSUP, SPIPE] =
  [2, 8, 20, 21, 28, 31, 33, 37, 44, 51, 54, 55, 58, 70];
const [DEVICE, FOLDER, FILE] = [2, 3, 4];
const NAME_BYTES = 1024, LONGEST_NAME = 255, LONGEST_PATH = 4096;
const now = () => BigInt(Date.now()) * 1_000_000n;

const filesOf = (room) => {
  let numbers = 1;
  const hold = (bytes) => bytes > room ? fail(NOSPC) : (room -= bytes);
  const node = (kind, more) => ({ kind, number: numbers++, size: 0, linked: false, opened: 0, changed: now(), ...more });
  const folder = () => node(FOLDER, { entries: new Map(), parent: undefined });
  const file = () => node(FILE, { bytes: new Uint8Array(0) });
  const costOf = (one) => NAME_BYTES + (one.bytes?.length ?? 0);
  const root = folder();
  root.parent = root;
  root.linked = true;

  const link = (parent, name, one) => {
    // The order of names, in which a listing continues.
    parent.entries.set(name, { one, order: numbers++ });
    parent.changed = now();
    one.linked = true;
    if (one.kind === FOLDER) one.parent = parent;
  };
  const add = (parent, name, one) => {
    // A folder that is gone takes nothing new.
    if (!parent.linked) fail(NOENT);
    hold(costOf(one));
    link(parent, name, one);
    return one;
  };
  /** Gives back what a file took once it has no name and nobody has it open. */
  const free = (one) => { if (!one.linked && one.opened === 0) room += costOf(one); };
  const remove = ({ parent, name, found }) => {
    parent.entries.delete(name);
    parent.changed = now();
    found.linked = false;
    free(found);
  };
  const move = (from, to) => {
    const { found } = from;
    if (!to.parent.linked) fail(NOENT);
    for (let above = to.parent; above !== root; above = above.parent) if (above === found) fail(INVAL);
    if (to.found) {
      if (to.found.kind === FOLDER && found.kind !== FOLDER) fail(ISDIR);
      if (to.found.kind !== FOLDER && found.kind === FOLDER) fail(NOTDIR);
      if (to.found.entries?.size > 0) fail(NOTEMPTY);
      remove(to);
    }
    from.parent.entries.delete(from.name);
    link(to.parent, to.name, found);
  };

  const grow = (one, size) => {
    const more = size - one.bytes.length;
    if (more <= 0) return;
    // Up to twice the size, where there is room, so that many small writes cost little.
    const length = size + Math.min(size, Math.max(0, Math.floor((room - more) / 2)));
    hold(length - one.bytes.length);
    const bytes = new Uint8Array(length);
    bytes.set(one.bytes.subarray(0, one.size));
    one.bytes = bytes;
  };
  const resize = (one, size) => {
    if (one.bytes === undefined) fail(INVAL);
    if (size < one.size) {
      const bytes = one.bytes.slice(0, size);
      room += one.bytes.length - bytes.length;
      one.bytes = bytes;
    } else grow(one, size);
    one.size = size;
    one.changed = now();
  };
  const read = (one, at, into) => {
    if (one.read) return one.read(into, at);
    const part = one.bytes?.subarray(Math.min(at, one.size), Math.min(at + into.length, one.size)) ?? [];
    into.set(part);
    return part.length;
  };
  const write = (one, at, from) => {
    if (one.write) return one.write(from);
    if (one.bytes === undefined) return;
    grow(one, at + from.length);
    one.bytes.set(from, at);
    one.size = Math.max(one.size, at + from.length);
    one.changed = now();
  };

  const step = (from, name) => {
    if (from.kind !== FOLDER) fail(NOTDIR);
    if (name === "" || name === ".") return from;
    return name === ".." ? from.parent : from.entries.get(name)?.one;
  };
  const walk = (start, path) => {
    if (path === "") fail(NOENT);
    let at = path.startsWith("/") ? root : start;
    for (const name of path.split("/")) at = step(at, name) ?? fail(NOENT);
    return at;
  };
  /** Where the last name of a path stands, and what is there. A path that ends in "." or ".." is refused. */
  const placeOf = (start, path, refusal = INVAL) => {
    if (path === "") fail(NOENT);
    const trimmed = path.replace(/(?<!\/)\/+$/, "");
    const cut = trimmed.lastIndexOf("/");
    const name = trimmed.slice(cut + 1);
    if (name === "" || name === "." || name === "..") fail(refusal);
    if (new TextEncoder().encode(name).length > LONGEST_NAME) fail(NAMETOOLONG);
    const parent = walk(start, cut < 0 ? "." : trimmed.slice(0, cut) || "/");
    if (parent.kind !== FOLDER) fail(NOTDIR);
    return { parent, name, found: parent.entries.get(name)?.one, mustBeFolder: trimmed !== path };
  };

  /** Puts something there before the program starts, with the folders above it. */
  const put = (path, one) => {
    const names = path.split("/").filter(Boolean);
    const name = names.pop();
    add(names.reduce((at, part) => at.entries.get(part)?.one ?? add(at, part, folder()), root), name, one);
    return one;
  };
  return {
    root, walk, placeOf, add, remove, move, free, read, write, resize, file, folder,
    device: (more) => node(DEVICE, more),
    putFolder: (path) => put(path, folder()),
    /** A file with these bytes. */
    putFile: (path, bytes) => write(put(path, file()), 0, bytes),
    /** A file to read only: read(into, at) fills in what is there and says how much. */
    putReadable: (path, size, read) => put(path, node(FILE, { size, read })),
    /** A device: write(bytes) gets what is written; without it, nobody does. */
    putDevice: (path, write) => put(path, node(DEVICE, { write })),
  };
};
`;
