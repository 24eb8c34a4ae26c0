import { existsSync } from "node:fs";
import { StoreError } from "../errors.ts";
import { openExperience } from "../store/experience.ts";
import { openScreen, writeJson } from "./terminal.ts";

/** `agentflow experience list`: what is kept in a folder. */
export const listExperience = async (folder: string, { json }: { readonly json: boolean }): Promise<number> => {
  const store = await openExperience(folder);
  const kept = store.list();
  await store.close();
  if (json) writeJson({ schemaVersion: 1, experience: kept });
  else {
    const screen = openScreen();
    if (kept.length === 0) screen.line(`There is no experience in ${folder}.`);
    for (const { question, plan, reward, source } of kept) {
      const worth = reward === undefined ? "" : `, reward ${reward}`;
      screen.line(screen.bold(question), `  (${source}${worth})`);
      screen.line(`  ${plan.map(({ tool, failed }) => `${tool}${failed ? " ✗" : ""}`).join(" → ")}`);
    }
  }
  return 0;
};

/** `agentflow experience prune`: forgets one source. */
export const pruneExperience = async (folder: string, source: string): Promise<number> => {
  if (!existsSync(folder))
    throw new StoreError(`There is no experience in ${folder}: name the folder that it is kept in.`);
  const store = await openExperience(folder);
  const gone = await store.prune(source);
  await store.close();
  openScreen().line(`${gone} forgotten, ${store.list().length} kept`);
  return 0;
};
