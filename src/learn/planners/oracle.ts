import type { Planner } from "../../module.ts";
import { scriptedPlanner } from "../../testing/scripted-planner.ts";

/** A planner that is told the plan of each query: what the tools and the turn limit allow at best. */
export const oraclePlanner = (planOf: (queryId: string) => readonly string[]): Planner =>
  scriptedPlanner(({ query, turn }) => planOf(query.id)[turn - 1]);
