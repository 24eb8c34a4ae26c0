import { defineConfig } from "agentflow";
import { calculate } from "agentflow/tools";
import { gridTasks, type Sealed } from "../grid.ts";
import { tripGrid } from "./questions.ts";
import { tripTools } from "./tools.ts";
import { makeWorld } from "./world.ts";

const world = makeWorld(1);

export default defineConfig<Sealed>({
  tools: { ...tripTools(world), calculate },
  budget: { turns: 8 },
  // Without a reward of its own, an answer is worth 1 where it equals `sealed.answer`.
  tasks: ({ seed }) => gridTasks(tripGrid(world), { seed, perFamily: 60, perDecision: 180 }),
});
