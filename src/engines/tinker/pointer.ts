import { join } from "node:path";
import { open, rename, sync, write } from "../../files/file-calls.ts";
import { makeFolder } from "../../files/make-folder.ts";

/** Writes where weights are that a server keeps: `tinker.json` in a folder. */
export const writePointer = async (folder: string, about: Readonly<Record<string, unknown>>): Promise<void> => {
  await makeFolder(folder);
  const file = join(folder, "tinker.json");
  const handle = await open(`${file}.tmp`, "w");
  try {
    await write(handle, `${JSON.stringify({ schemaVersion: 1, ...about }, null, 2)}\n`);
    await sync(handle);
  } finally {
    await handle.close();
  }
  await rename(`${file}.tmp`, file);
};
