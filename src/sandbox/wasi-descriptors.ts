import { WASI_FILES } from "./wasi-files.ts";

/** How many descriptors a program can have open. */
const MOST_DESCRIPTORS = 256;

/**
 * Descriptors of a WASI program, as JavaScript text for the child process: its standard streams, the root folder, and what it
 * opens of its files in memory.
 *
 * Text that follows it can call `descriptorsOf({ memory, files, outputs, input, output })`, which gives WASI's functions `fd_…` and
 * `path_…`: `input()` gives the next bytes of the standard input, none at its end; `output(descriptor, bytes)` gets what the
 * program writes. They return an error number or throw an `Errno`.
 */
export const WASI_DESCRIPTORS = `
${WASI_FILES}
const MOST_DESCRIPTORS = ${MOST_DESCRIPTORS};
const ROOT = 3;
const descriptorsOf = ({ memory, files, outputs, input, output }) => {
  const { bytesAt, put8, put16, put32, put64, buffersAt, pathAt } = memory;
  const encoder = new TextEncoder();
  /** A size or a place in a file, as WASI passes it. */
  const placeIn = (value) => value < 0n || value > 2n ** 53n ? fail(INVAL) : Number(value);

  const opened = new Map([
    [0, { one: files.device(), at: 0, flags: 0, reads: true, input: true }],
    [ROOT, { one: files.root, at: 0, flags: 0 }],
    ...outputs.map((fd) => [fd, { one: files.device(), at: 0, flags: 0, writes: true, output: fd }]),
  ]);
  for (const { one } of opened.values()) one.opened = 1;
  const descriptor = (fd) => opened.get(fd) ?? fail(BADF);
  const folderAt = (fd) => descriptor(fd).one.kind === FOLDER ? descriptor(fd).one : fail(NOTDIR);
  const withRight = (right) => (fd) => {
    const found = descriptor(fd);
    return found[right] ? found : fail(found.one.kind === FOLDER ? ISDIR : BADF);
  };
  const [readable, writable] = [withRight("reads"), withRight("writes")];
  const seekable = (fd) => {
    const found = descriptor(fd);
    return found.one.kind === FILE ? found : fail(found.one.kind === FOLDER ? ISDIR : SPIPE);
  };
  const walk = (fd, pointer, length) => files.walk(folderAt(fd), pathAt(pointer, length));
  const placeAt = (fd, pointer, length, refusal) => files.placeOf(folderAt(fd), pathAt(pointer, length), refusal);

  let waiting = new Uint8Array(0);
  const typed = (into) => {
    if (waiting.length === 0) waiting = input();
    const part = waiting.subarray(0, into.length);
    into.set(part);
    waiting = waiting.subarray(part.length);
    return part.length;
  };
  const reading = (list, count, pointer, read) => {
    let sum = 0;
    for (const into of buffersAt(list, count)) {
      const n = into.length === 0 ? 0 : read(into);
      sum += n;
      if (n < into.length) break;
    }
    put32(pointer, sum);
    return 0;
  };
  const writing = (list, count, pointer, write) => {
    let sum = 0;
    for (const from of buffersAt(list, count)) {
      write(from);
      sum += from.length;
    }
    put32(pointer, sum);
    return 0;
  };

  const stat = (one, pointer) => {
    bytesAt(pointer, 64).fill(0);
    put64(pointer + 8, one.number);
    put8(pointer + 16, one.kind);
    put64(pointer + 24, 1);
    put64(pointer + 32, one.size);
    for (const field of [40, 48, 56]) put64(pointer + field, one.changed);
    return 0;
  };
  const setTimes = (one, modified, flags) => {
    if (flags & 4) one.changed = BigInt.asUintN(64, modified);
    if (flags & 8) one.changed = now();
    return 0;
  };
  const there = (fd) => {
    descriptor(fd);
    return 0;
  };

  return {
    // Descriptor 3 is the root, the one folder that a program has from the start.
    fd_prestat_get: (fd, pointer) => {
      if (fd !== ROOT) fail(BADF);
      put32(pointer, 0);
      put32(pointer + 4, 1);
      return there(fd);
    },
    fd_prestat_dir_name: (fd, pointer) => {
      if (fd !== ROOT) fail(BADF);
      put8(pointer, "/".charCodeAt(0));
      return there(fd);
    },
    fd_fdstat_get: (fd, pointer) => {
      const { one, flags, reads, writes } = descriptor(fd);
      const all = 0xfff_ffffn;
      bytesAt(pointer, 24).fill(0);
      put8(pointer, one.kind);
      put16(pointer + 2, flags);
      put64(pointer + 8, one.kind === FOLDER ? all : all & ~(reads ? 0n : 2n) & ~(writes ? 0n : 64n));
      put64(pointer + 16, all);
      return 0;
    },
    fd_fdstat_set_flags: (fd, flags) => { descriptor(fd).flags = flags & 5; return 0; },
    fd_filestat_get: (fd, pointer) => stat(descriptor(fd).one, pointer),
    fd_filestat_set_size: (fd, size) => { files.resize(writable(fd).one, placeIn(size)); return 0; },
    fd_filestat_set_times: (fd, _accessed, modified, flags) => setTimes(descriptor(fd).one, modified, flags),
    fd_advise: there,
    fd_sync: there,
    fd_datasync: there,
    fd_close: (fd) => {
      const { one } = descriptor(fd);
      // That of the result stays open.
      if (fd > MOST_DESCRIPTORS) fail(BADF);
      opened.delete(fd);
      one.opened -= 1;
      // The first three were never counted.
      if (fd > ROOT) files.free(one);
      return 0;
    },
    fd_seek: (fd, offset, whence, pointer) => {
      const found = seekable(fd);
      const from = [0, found.at, found.one.size][whence] ?? fail(INVAL);
      found.at = placeIn(BigInt(from) + offset);
      put64(pointer, found.at);
      return 0;
    },
    fd_tell: (fd, pointer) => { put64(pointer, seekable(fd).at); return 0; },
    fd_read: (fd, list, count, pointer) => {
      const found = readable(fd);
      let first = true;
      return reading(list, count, pointer, (into) => {
        // A second buffer takes what has come already, and waits for nothing.
        if (found.input) return first || waiting.length > 0 ? ((first = false), typed(into)) : 0;
        const n = files.read(found.one, found.at, into);
        found.at += n;
        return n;
      });
    },
    fd_pread: (fd, list, count, offset, pointer) => {
      const { one } = seekable(fd) && readable(fd);
      let at = placeIn(offset);
      return reading(list, count, pointer, (into) => {
        const n = files.read(one, at, into);
        at += n;
        return n;
      });
    },
    fd_write: (fd, list, count, pointer) => {
      const found = writable(fd);
      return writing(list, count, pointer, (from) => {
        if (found.output) return output(found.output, from);
        if (found.flags & 1) found.at = found.one.size;
        files.write(found.one, found.at, from);
        found.at += from.length;
      });
    },
    fd_pwrite: (fd, list, count, offset, pointer) => {
      const { one } = seekable(fd) && writable(fd);
      let at = placeIn(offset);
      return writing(list, count, pointer, (from) => {
        files.write(one, at, from);
        at += from.length;
      });
    },
    fd_readdir: (fd, buffer, length, cookie, pointer) => {
      const into = bytesAt(buffer, length);
      const entry = new Uint8Array(24 + LONGEST_NAME);
      const fields = new DataView(entry.buffer);
      let used = 0;
      for (const [name, { one, order }] of folderAt(fd).entries) {
        if (BigInt(order) <= cookie) continue;
        if (used === into.length) break;
        const encoded = encoder.encode(name);
        fields.setBigUint64(0, BigInt(order), true);
        fields.setBigUint64(8, BigInt(one.number), true);
        fields.setUint32(16, encoded.length, true);
        fields.setUint8(20, one.kind);
        entry.set(encoded, 24);
        // The last one may be cut: the program asks for it again.
        const part = entry.subarray(0, Math.min(24 + encoded.length, into.length - used));
        into.set(part, used);
        used += part.length;
      }
      put32(pointer, used);
      return 0;
    },

    path_open: (fd, _lookup, pointer, length, how, rights, _inherited, flags, out) => {
      const [create, mustBeFolder, exclusive, cut] = [1, 2, 4, 8].map((bit) => (how & bit) !== 0);
      const [reads, writes] = [(rights & 2n) !== 0n, (rights & 64n) !== 0n];
      if (opened.size >= MOST_DESCRIPTORS) fail(MFILE);
      const place = create ? placeAt(fd, pointer, length, ISDIR) : undefined;
      if (place?.found && exclusive) fail(EXIST);
      if (place && !place.found && (place.mustBeFolder || mustBeFolder)) fail(ISDIR);
      const one = place === undefined ? walk(fd, pointer, length) : place.found ?? files.add(place.parent, place.name, files.file());
      if (one.kind === FOLDER && (create || cut)) fail(ISDIR);
      if (one.kind !== FOLDER && (mustBeFolder || place?.mustBeFolder)) fail(NOTDIR);
      // What is there to be read only.
      if (one.read && (writes || cut)) fail(ACCES);
      if (cut && one.kind === FILE) files.resize(one, 0);
      let number = 4;
      while (opened.has(number)) number += 1;
      const plain = one.kind !== FOLDER;
      one.opened += 1;
      opened.set(number, { one, at: 0, flags: flags & 5, reads: reads && plain, writes: writes && plain });
      put32(out, number);
      return 0;
    },
    path_filestat_get: (fd, _lookup, pointer, length, out) => stat(walk(fd, pointer, length), out),
    path_filestat_set_times: (fd, _lookup, pointer, length, _accessed, modified, flags) => setTimes(walk(fd, pointer, length), modified, flags),
    path_create_directory: (fd, pointer, length) => {
      const { parent, name, found } = placeAt(fd, pointer, length, EXIST);
      if (found) fail(EXIST);
      files.add(parent, name, files.folder());
      return 0;
    },
    path_remove_directory: (fd, pointer, length) => {
      const place = placeAt(fd, pointer, length);
      if (!place.found) fail(NOENT);
      if (place.found.kind !== FOLDER) fail(NOTDIR);
      if (place.found.entries.size > 0) fail(NOTEMPTY);
      files.remove(place);
      return 0;
    },
    path_unlink_file: (fd, pointer, length) => {
      const place = placeAt(fd, pointer, length);
      if (!place.found) fail(NOENT);
      if (place.found.kind === FOLDER) fail(ISDIR);
      if (place.mustBeFolder) fail(NOTDIR);
      files.remove(place);
      return 0;
    },
    path_rename: (fd, pointer, length, newFd, newPointer, newLength) => {
      const [from, to] = [placeAt(fd, pointer, length), placeAt(newFd, newPointer, newLength)];
      if (!from.found) fail(NOENT);
      if (from.found.kind !== FOLDER && (from.mustBeFolder || to.mustBeFolder)) fail(NOTDIR);
      if (to.found !== from.found) files.move(from, to);
      return 0;
    },
    path_readlink: (fd, pointer, length) => { walk(fd, pointer, length); return INVAL; },
    path_link: () => NOTSUP,
    path_symlink: () => NOTSUP,
  };
};
`;
