/** Chromium for tests and checks of pages: where it is, and how it is started so that it asks nobody else for anything. */
import { existsSync } from "node:fs";

/** Where Chromium is, by `CHROMIUM_PATH` or where systems put it; undefined where it is not installed. */
export const chromiumPath = (): string | undefined =>
  [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path) => path !== undefined && existsSync(path),
  );

export const chromiumArguments: readonly string[] = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update"],
];
