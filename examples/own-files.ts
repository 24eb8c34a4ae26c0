/** Questions about your own files, in a flow that may read nothing else. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFlow } from "agentflow";
import { scriptedPlanner } from "agentflow/testing";
import { corpusSearch } from "agentflow/tools";

const folder = await mkdtemp(join(tmpdir(), "files-"));
await writeFile(join(folder, "lease.md"), "# Lease\n\nThe notice period is three months.");
await writeFile(join(folder, "menu.txt"), "Soup of the day: lentils.");

const files = corpusSearch({ folder });
const flow = createFlow({
  // Any planner: modelPlanner(model) of a chat model or a policy, or a script as here.
  planner: scriptedPlanner(["corpus_search notice period of the lease"]),
  generator: ({ memory }) => {
    const found = memory.at(-1)?.observation;
    return found?.status === "ok" ? found.text : undefined;
  },
  tools: { corpus_search: files },
  grants: { folders: [folder], hosts: [] },
  budget: { turns: 1 },
});
const result = await flow.solve("How long is the notice period?");
console.log(result.trajectory.answer);
files.close();
await rm(folder, { recursive: true });
