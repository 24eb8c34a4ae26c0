/** Just enough of an assembler for side modules: shared objects, as Emscripten links them while a program runs. */

const number = (value: number): readonly number[] => {
  const low = value & 127;
  const rest = value >> 7;
  return (rest === 0 && low < 64) || (rest === -1 && low >= 64) ? [low] : [low | 128, ...number(rest)];
};
const size = (value: number): readonly number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...size(value >>> 7)];
const list = (items: readonly (readonly number[])[]): readonly number[] => [...size(items.length), ...items.flat()];
const text = (value: string): readonly number[] => {
  const bytes = [...Buffer.from(value)];
  return [...size(bytes.length), ...bytes];
};
const section = (id: number, content: readonly number[]): readonly number[] => [
  id,
  ...size(content.length),
  ...content,
];

const I32 = 0x7f;
const GLOBAL = 3;

export interface SideModule {
  /** What lies in its memory from its first byte on. */
  readonly data: string;
  /** A function of the main program that is called while the module is loaded: it is handed the data's address first. */
  readonly calls?: { readonly name: string; readonly more: readonly number[]; readonly returns: boolean };
  /** Names for places in its data. */
  readonly places?: Readonly<Record<string, number>>;
}

/** The bytes of a module that calls one import as soon as it is loaded, as base64. */
export const sideModule = ({ data, calls, places = {} }: SideModule): string => {
  const bytes = [...Buffer.from(data), 0];
  const memory = [...size(bytes.length), 0, 0, 0];
  const parameters = calls === undefined ? [] : [I32, ...calls.more.map(() => I32)];
  const imports = [
    [...text("env"), ...text("memory"), 2, 0, 0],
    [...text("env"), ...text("__memory_base"), GLOBAL, I32, 0],
    ...(calls === undefined ? [] : [[...text("env"), ...text(calls.name), 0, 1]]),
  ];
  const call =
    calls === undefined
      ? []
      : [
          0x23,
          0,
          ...calls.more.flatMap((value) => [0x41, ...number(value)]),
          0x10,
          0,
          ...(calls.returns ? [0x1a] : []),
        ];
  const body = [0, ...call, 0x0b];
  const places_ = Object.entries(places);
  return Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(0, [...text("dylink.0"), 1, ...size(memory.length), ...memory]),
    ...section(
      1,
      list([
        [0x60, 0, 0],
        [0x60, ...size(parameters.length), ...parameters, ...(calls?.returns ? [1, I32] : [0])],
      ]),
    ),
    ...section(2, list(imports)),
    ...section(3, list([[0]])),
    ...section(6, list(places_.map(([, place]) => [I32, 0, 0x41, ...number(place), 0x0b]))),
    ...section(
      7,
      list([
        [...text("__wasm_call_ctors"), 0, ...size(calls === undefined ? 0 : 1)],
        ...places_.map(([name], i) => [...text(name), GLOBAL, ...size(i + 1)]),
      ]),
    ),
    ...section(10, list([[...size(body.length), ...body]])),
    ...section(11, list([[0, 0x23, 0, 0x0b, ...size(bytes.length), ...bytes]])),
  ]).toString("base64");
};
