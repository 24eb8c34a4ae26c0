import { ToolError } from "../errors.ts";
import type { AnyTool } from "../tool.ts";

/** A tool that fails while `broken` says so, with a message as a service gives it, and is itself otherwise. */
export const failingTool = (tool: AnyTool, broken: () => boolean, message = "503 Service Unavailable"): AnyTool => ({
  ...tool,
  execute: (input, context) => {
    if (broken()) throw new ToolError(message);
    return tool.execute(input, context);
  },
});
