/** The package's own folder, with its manifest, models and data: this file lies one folder below it, in `src` as in `dist`. */
export const packageFolder = new URL("../", import.meta.url);

/** The folder of the package's code: `src` or `dist`. */
export const codeFolder = new URL("./", import.meta.url);
