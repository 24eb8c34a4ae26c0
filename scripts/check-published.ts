/**
 * The whole path of the published run (`src/reproduce/paper`) on a random model of the same architecture. The same as the last
 * check of `agentflow reproduce paper --dry-run`.
 *
 *   npm run check:published
 */
import { rehearse } from "../src/reproduce/paper/rehearsal.ts";

const rehearsal = await rehearse({ onStep: (step, reward) => console.log(`step ${step}: reward ${reward}`) });
console.log(JSON.stringify({ check: "published", ...rehearsal }));
process.exitCode = rehearsal.fits ? 0 : 1;
