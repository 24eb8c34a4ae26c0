import { defineConfig } from "agentflow";
import { type Sealed, TURNS, tasks } from "./questions.ts";
import { tools } from "./tools.ts";

export default defineConfig<Sealed>({
  tools,
  budget: { turns: TURNS },
  // Half of the questions train; the other half names others.
  tasks: ({ seed }) => [...tasks("train", seed, 320), ...tasks("unseen", seed, 320)],
});
