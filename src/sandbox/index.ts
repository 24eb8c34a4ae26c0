/** Sandboxes for programs that nobody has read. */
export { bubblewrapFault } from "./bubblewrap-sandbox.ts";
export { openSandbox, type SandboxOptions, type SandboxTier, tierFault } from "./open-sandbox.ts";
export { notCovered, type RunOptions, type RunResult, type Sandbox } from "./sandbox.ts";
export { type Pulled, type PullOptions, pullWasiPython } from "./wasi-pull.ts";
export type { PinnedFile, WasiPython } from "./wasi-python.ts";
