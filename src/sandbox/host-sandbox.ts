import { runInProcess } from "./process-run.ts";
import { processSandbox } from "./process-sandbox.ts";
import { PYTHON_LIFELINE, PYTHON_RUNNER } from "./python-program.ts";
import type { Sandbox } from "./sandbox.ts";

/** No sandbox at all: this machine's python3, with the rights of whoever runs this. Only for programs that you trust. */
export const hostSandbox = (): Sandbox =>
  processSandbox("host", (code, options) =>
    runInProcess(
      {
        command: ["python3", "-c", PYTHON_LIFELINE + PYTHON_RUNNER],
        env: process.env as Record<string, string>,
        code,
        inputs: [undefined],
      },
      options,
    ),
  );
