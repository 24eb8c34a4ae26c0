import { defineConfig } from "agentflow";
import { calculate } from "agentflow/tools";
import { gridTasks, type Sealed } from "../grid.ts";
import { incidentGrid } from "./questions.ts";
import { incidentTools } from "./tools.ts";
import { makeWorld } from "./world.ts";

const world = makeWorld(1);

export default defineConfig<Sealed>({
  tools: { ...incidentTools(world), calculate },
  budget: { turns: 7 },
  // Without a reward of its own, an answer is worth 1 where it equals `sealed.answer`.
  tasks: ({ seed }) => gridTasks(incidentGrid(world), { seed, perFamily: 60, perDecision: 180 }),
});
