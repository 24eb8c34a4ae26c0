/**
 * What a program may reach of the world outside WebAssembly, as JavaScript text for the child process. Everything that
 * Python can do to its surroundings is an import of its module, so the list of imports is the whole boundary: once the
 * module is sealed, an import on the list works, a system call off it fails with an error number, and anything else (the
 * bridge to JavaScript, processes, sockets, other modules) ends the process before it does anything.
 *
 * Text that follows it can call `seal(end)`, where `end(why)` must not return.
 */
export const PYODIDE_SEAL = `
const allowed = new Set([
  // Memory.
  "emscripten_resize_heap", "emscripten_get_heap_max", "_mmap_js", "_munmap_js", "_msync_js",
  // The clock.
  "clock_time_get", "clock_res_get", "emscripten_get_now", "emscripten_date_now",
  "_localtime_js", "_gmtime_js", "_mktime_js", "_timegm_js", "_tzset_js",
  // Files in memory, pipes, and the descriptors of input and output.
  "fd_close", "fd_read", "fd_write", "fd_seek", "fd_sync", "fd_pread", "fd_pwrite", "fd_fdstat_get",
  ...["openat", "fcntl64", "ioctl", "dup", "dup3", "pipe", "getcwd", "chdir", "fchdir", "getdents64",
    "stat64", "lstat64", "fstat64", "newfstatat", "statfs64", "fstatfs64", "faccessat", "readlinkat",
    "mkdirat", "unlinkat", "rmdir", "renameat", "symlinkat", "chmod", "fchmod", "fchmodat2", "fchownat", "fchown32",
    "utimensat", "truncate64", "ftruncate64", "fallocate", "fadvise64", "fdatasync"].map((name) => "__syscall_" + name),
  // Python calls a function of its own through this one.
  "_PyEM_TrampolineCall_JS",
]);

// What is answered here, without a look at the machine: no event loop, no user, no signal, no name in the network.
const answered = {
  can_run_sync_js: () => 0,
  _Py_CheckEmscriptenSignals_Helper: () => 0,
  _try_fcntl64: () => 0,
  __syscall_getuid32_js: () => 0,
  __syscall_umask_js: () => 0o22,
  getaddrinfo: () => -4,
  getnameinfo: () => -4,
  random_get: (pointer, length) => {
    randomFillSync(new Uint8Array(main.exports.memory.buffer, pointer >>> 0, length >>> 0));
    return 0;
  },
};
const ENOSYS = 52;
const ends = {
  exit: "The program ended its interpreter.",
  proc_exit: "The program ended its interpreter.",
  _abort_js: "The interpreter gave up.",
  __assert_fail: "The interpreter gave up.",
};

const { instantiate, Instance, Module } = WebAssembly;
const PAGE = 65_536;
let main;
let sealed = false;
let endSealed;
const seal = (end) => {
  endSealed = end;
  sealed = true;
};

/** An import as the module gets it: it looks whether the seal is there each time, for the module keeps it for good. */
const gate = (name, inner) => {
  if (allowed.has(name)) return inner;
  const answer = Object.hasOwn(answered, name)
    ? answered[name]
    : name.startsWith("__syscall_")
      ? () => -ENOSYS
      : () => endSealed(ends[name] ?? "PermissionError: the program used " + name + ", which the sandbox does not have, and was ended.");
  return (...args) => (sealed ? answer(...args) : inner(...args));
};

const gated = (module, imports = {}) => {
  const all = {};
  for (const { module: from, name, kind } of Module.imports(module)) {
    const inner = imports[from]?.[name];
    all[from] ??= {};
    // A function that may suspend its caller is an object: none is called here.
    all[from][name] = kind !== "function" ? inner : gate(name, typeof inner === "function" ? inner : () => endSealed?.(name));
  }
  return all;
};

WebAssembly.instantiate = async (source, imports) => {
  const module = source instanceof Module ? source : await WebAssembly.compile(source);
  const instance = await instantiate(module, gated(module, imports));
  if (instance.exports.PyRun_SimpleString !== undefined) {
    main = instance;
    const { memory } = instance.exports;
    const grow = memory.grow.bind(memory);
    // Python's memory grows through this object alone.
    memory.grow = (pages) => {
      if (memory.buffer.byteLength + pages * PAGE > mostBytes) throw new RangeError("out of memory");
      return grow(pages);
    };
    // A picture with packages is larger than the memory that Pyodide begins with.
    const more = Math.ceil(((picture?.length ?? 0) - memory.buffer.byteLength) / PAGE);
    if (more > 0) memory.grow(more);
  }
  return source instanceof Module ? instance : { module, instance };
};
WebAssembly.Instance = function (module, imports) {
  // Nothing is loaded once a program runs.
  if (sealed) endSealed("PermissionError: the program loaded WebAssembly of its own and was ended.");
  return new Instance(module, gated(module, imports));
};
WebAssembly.Instance.prototype = Instance.prototype;
WebAssembly.instantiateStreaming = undefined;
`;
