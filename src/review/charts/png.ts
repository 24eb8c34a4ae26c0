import { ConfigError } from "../../errors.ts";
import { optionalPackage } from "../../optional-package.ts";

/** Pixels of a picture for each one of its chart. */
const SCALE = 2;

/** Common families by name: what a system's own one is, this library does not know. */
const FAMILIES = "Arial, Helvetica, Roboto, Noto Sans, Liberation Sans, DejaVu Sans, sans-serif";

/** Chart pictures as PNG. */
export type PngWriter = (svg: string) => Uint8Array;

/**
 * Draws SVG as PNG on white, twice its size. Throws `ConfigError` where the package for it is missing, or where the machine
 * has no font to write with.
 *
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import { pngWriter, reportOnRun } from "agentflow/review";
 *
 * const draw = await pngWriter();
 * for (const { name, svg } of (await reportOnRun("runs/2026-11-29-1412-7f3a")).charts)
 *   await writeFile(`${name}.png`, draw(svg));
 * ```
 */
export const pngWriter = async (): Promise<PngWriter> => {
  const { Resvg } = await optionalPackage("@resvg/resvg-js", () => import("@resvg/resvg-js"));
  const draw = (svg: string): Uint8Array =>
    new Resvg(svg.replaceAll("system-ui, sans-serif", FAMILIES), {
      background: "#ffffff",
      fitTo: { mode: "zoom", value: SCALE },
      font: { loadSystemFonts: true },
    })
      .render()
      .asPng();
  // Without a font it would leave out every word and say nothing.
  const written = new Resvg(
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="15">W</text></svg>',
  );
  if (written.getBBox() === undefined)
    throw new ConfigError(
      "Pictures as PNG need a font, and this machine has none: install one (such as fonts-dejavu-core), or use the SVG files.",
    );
  return draw;
};
