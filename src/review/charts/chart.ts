import { type Markup, markup } from "../../markup.ts";

/** A picture of a run: SVG that reads on light and on dark. */
export interface Chart {
  /** Of its file, without an ending. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

/** Colours of all charts. A page may give each of them another shade by scheme, by its attribute. */
export const colour = {
  ink: "#767b84",
  grid: "#8a8f98",
  before: "#8a8f98",
  after: "#2da44e",
  line: "#2f81f7",
  dot: "#db6d28",
} as const;

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** What the chart says, for who does not see it. */
  readonly label: string;
}

/** The outermost element of a chart. */
export const chartOf = ({ width, height, label }: Frame, parts: readonly Markup[]): string =>
  `${
    markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" font-family="system-ui, sans-serif" font-size="13" fill="${colour.ink}">
${lines(parts)}
</svg>`.markup
  }\n`;

const lines = (parts: readonly Markup[]): Markup => ({ markup: parts.map((part) => part.markup).join("\n") });

export interface TextStyle {
  readonly anchor?: "start" | "middle" | "end";
  readonly fill?: string;
  readonly bold?: boolean;
  readonly size?: number;
}

const one = (place: number): string => place.toFixed(1).replace(/\.0$/, "");

export const text = (x: number, y: number, words: string, style: TextStyle = {}): Markup => {
  const { anchor, fill, bold = false, size } = style;
  return markup`<text x="${one(x)}" y="${one(y)}"${anchor !== undefined && markup` text-anchor="${anchor}"`}${bold && markup` font-weight="600"`}${size !== undefined && markup` font-size="${size}"`}${fill !== undefined && markup` fill="${fill}"`}>${words}</text>`;
};

export interface LineStyle {
  readonly stroke?: string;
  readonly width?: number;
  readonly opacity?: number;
  readonly dashed?: boolean;
}

export const line = (x1: number, y1: number, x2: number, y2: number, style: LineStyle = {}): Markup => {
  const { stroke = colour.grid, width, opacity, dashed = false } = style;
  return markup`<line x1="${one(x1)}" x2="${one(x2)}" y1="${one(y1)}" y2="${one(y2)}" stroke="${stroke}"${width !== undefined && markup` stroke-width="${width}"`}${opacity !== undefined && markup` stroke-opacity="${opacity}"`}${dashed && markup` stroke-dasharray="4 4"`}/>`;
};

/** `hollow`: a ring, filled with nothing. */
export const circle = (x: number, y: number, r: number, fill: string, { hollow = false } = {}): Markup =>
  hollow
    ? markup`<circle cx="${one(x)}" cy="${one(y)}" r="${r}" fill="none" stroke="${fill}" stroke-width="2"/>`
    : markup`<circle cx="${one(x)}" cy="${one(y)}" r="${r}" fill="${fill}"/>`;

export const bar = (x: number, y: number, width: number, height: number, fill: string): Markup =>
  markup`<rect x="${one(x)}" y="${one(y)}" width="${one(Math.max(0, width))}" height="${height}" rx="2" fill="${fill}"/>`;

export const path = (points: readonly (readonly [x: number, y: number])[], stroke: string): Markup =>
  markup`<polyline points="${points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ")}" fill="none" stroke="${stroke}" stroke-width="2" stroke-linejoin="round"/>`;

/** Each value with those before it, averaged: what single steps do is noise. */
export const smoothed = (values: readonly number[], window: number): readonly number[] =>
  values.map((_, i) => {
    const part = values.slice(Math.max(0, i - window + 1), i + 1);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });

/** A name that fits: what is in its middle is left out, for both its ends tell names apart. */
export const shortened = (name: string, letters: number): string =>
  name.length <= letters
    ? name
    : `${name.slice(0, Math.ceil(letters / 2) - 1)}…${name.slice(-Math.floor(letters / 2))}`;
