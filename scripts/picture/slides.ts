/** One picture of a page, and for how long it stands. */
export interface Slide {
  /** A file as a browser shows it. */
  readonly data: Buffer;
  readonly type: "image/webp";
  readonly seconds: number;
}

export interface SlideShow {
  readonly width: number;
  readonly height: number;
  readonly label: string;
}

const TIMES = 3;

/**
 * Slides as an animated SVG: CSS alone, played three times, with the pictures in it. Who prefers no motion gets the last
 * slide, and so does whoever shows no animations.
 */
export const slideShow = (slides: readonly Slide[], { width, height, label }: SlideShow): string => {
  const total = slides.reduce((sum, { seconds }) => sum + seconds, 0);
  const share = (seconds: number): string => `${((100 * seconds) / total).toFixed(2)}%`;
  let at = 0;
  const frames = slides.map(({ seconds }, i) => {
    const from = at;
    at += seconds;
    const hidden = i === 0 ? "" : "0%{opacity:0}";
    const until = i === slides.length - 1 ? "" : `${share(at)}{opacity:0}`;
    return `@keyframes s${i}{${hidden}${share(from)}{opacity:1}${until}}`;
  });
  const images = slides.map(({ data, type }, i) => {
    const gone = i === slides.length - 1 ? "" : ' class="gone"';
    return `<image${gone} style="--n:s${i}" width="${width}" height="${height}" href="data:${type};base64,${data.toString("base64")}"/>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">`,
    "<style>.gone{opacity:0}",
    `@media (prefers-reduced-motion:no-preference){image{animation:var(--n) ${total.toFixed(1)}s step-end ${TIMES} forwards}}`,
    ...frames,
    "</style>",
    `<clipPath id="c"><rect width="${width}" height="${height}" rx="10"/></clipPath>`,
    `<g clip-path="url(#c)">${images.join("")}</g>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10" fill="none" stroke="#8b949e" stroke-opacity=".4"/>`,
    "</svg>",
    "",
  ].join("\n");
};
