import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { npmPack } from "./pack-package.ts";

const source = join(import.meta.dirname, "../../node_modules/onnxruntime-node");

/** Platforms that ONNX Runtime has a library for, as Node.js names them. */
export const platforms = ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64", "win32-arm64"] as const;
export type Platform = (typeof platforms)[number];

const packageOf = (platform: Platform): string => `@agentflow/runtime-${platform}`;

/** The packages with the library of a platform, by name. */
export const runtimePackages: readonly string[] = platforms.map(packageOf);

/** The version of the library: that of onnxruntime-node, which the lock file pins. */
export const runtimeVersion = async (): Promise<string> => {
  const { version } = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as { readonly version: string };
  return version;
};

/** The shared libraries of a platform; the binding of onnxruntime-node and second copies are left out. */
const librariesOf = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => /\.(?:so\.1|dll)$|\.1\.dylib$/.test(name));

const LICENSE = `MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`;

/**
 * Packs the library of one platform into `folder`, with its licence and the hash of each file; gives the path of the
 * archive. Nothing in it is run when it is installed.
 */
export const packRuntime = async (folder: string, platform: Platform): Promise<string> => {
  const [os = "", cpu = ""] = platform.split("-");
  const version = await runtimeVersion();
  const from = join(source, "bin", "napi-v6", os, cpu);
  const target = join(folder, platform);
  await mkdir(target);
  const files: Record<string, { readonly bytes: number; readonly sha256: string }> = {};
  for (const name of await librariesOf(from)) {
    await copyFile(join(from, name), join(target, name));
    const content = await readFile(join(from, name));
    files[name] = { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
  }
  const manifest = {
    name: packageOf(platform),
    version,
    description: `ONNX Runtime's library for ${platform}: what AgentFlow runs models on.`,
    license: "MIT",
    os: [os],
    cpu: [cpu],
    // The library is linked against the GNU C library.
    ...(os === "linux" ? { libc: ["glibc"] } : {}),
  };
  const readme = `# ${manifest.name}\n\n${manifest.description} Taken from the npm package onnxruntime-node ${version}; manifest.json has the hashes.\n`;
  await writeFile(join(target, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  await writeFile(
    join(target, "manifest.json"),
    `${JSON.stringify({ schemaVersion: 1, from: `onnxruntime-node@${version}`, files }, null, 2)}\n`,
  );
  await writeFile(join(target, "LICENSE"), LICENSE);
  await writeFile(join(target, "README.md"), readme);
  await npmPack(target, folder);
  return join(folder, `agentflow-runtime-${platform}-${version}.tgz`);
};
