import type { Assault, Attack, Outside } from "./escape.ts";
import { inBarePyodide } from "./second/bare.ts";
import { throughDoors } from "./second/goals.ts";
import { secondLimits } from "./second/limits.ts";
import { forged, forgedLimits } from "./second/pyodide-forged.ts";
import { libraries } from "./second/pyodide-linked.ts";
import { modules } from "./second/pyodide-modules.ts";
import { closures, collector, framed } from "./second/pyodide-objects.ts";
import { bridged, paths, thrown } from "./second/pyodide-proxies.ts";
import { system } from "./second/pyodide-system.ts";

const attacks = (outside: Outside): readonly Attack[] => [
  ...throughDoors("modules", modules, outside),
  ...throughDoors("gc", collector, outside),
  ...throughDoors("frames", framed, outside),
  ...throughDoors("closures", closures, outside),
  ...throughDoors("proxies", bridged, outside),
  ...throughDoors("exceptions", thrown, outside),
  ...paths(outside),
  ...system(outside),
  ...forged(outside),
  ...libraries(outside),
];

/** Attacks on the Pyodide tier, written without looking at its guard. */
export const secondOnPyodide: Omit<Assault, "left"> = {
  attacks,
  limits: [...secondLimits, ...forgedLimits],
  unguarded: inBarePyodide,
};
