/** Bits of a quantised weight. */
export type Bits = 4 | 8;

/** Weights that share a scale. */
export const BLOCK = 32;

/** A matrix [rows, columns] in blocks of 32 along its rows: value = (code − zero point)·scale, zero point 8 or 128. */
export interface QuantisedMatrix {
  readonly bits: Bits;
  readonly rows: number;
  readonly columns: number;
  /** [rows, blocks, 4·bits] codes; of two 4-bit codes in a byte the first is the low one. */
  readonly codes: Uint8Array;
  /** [rows, blocks] */
  readonly scales: Float32Array;
}

/** Bytes of the codes, and the number of scales, of a matrix. */
const sizesOf = (rows: number, columns: number, bits: Bits): { readonly codes: number; readonly scales: number } => {
  const scales = rows * Math.ceil(columns / BLOCK);
  return { codes: (scales * BLOCK * bits) / 8, scales };
};

/** Makes matrices whose memory is good until the next one is made: for values that are copied away at once. */
export const matrixScratch = (): ((rows: number, columns: number, bits: Bits) => QuantisedMatrix) => {
  let codes = new Uint8Array(0);
  let scales = new Float32Array(0);
  return (rows, columns, bits) => {
    const sizes = sizesOf(rows, columns, bits);
    if (codes.length < sizes.codes) codes = new Uint8Array(sizes.codes);
    if (scales.length < sizes.scales) scales = new Float32Array(sizes.scales);
    return { bits, rows, columns, codes: codes.subarray(0, sizes.codes), scales: scales.subarray(0, sizes.scales) };
  };
};

/** A matrix of its own. */
export const quantise = (values: Float32Array, rows: number, columns: number, bits: Bits): QuantisedMatrix => {
  const matrix = matrixScratch()(rows, columns, bits);
  quantiseRows(matrix, values, 0);
  return matrix;
};

/**
 * Rounds rows and writes them into a matrix from row `first` on: to 8 bits by the largest absolute value of each block
 * (the rule of Q8_0), or to 4 by the value of largest size, which becomes −8 (that of Q4_0). What came from either form
 * stays what it was.
 */
export const quantiseRows = (
  { bits, columns, codes, scales }: QuantisedMatrix,
  values: Float32Array,
  first: number,
): void => {
  const blocks = Math.ceil(columns / BLOCK);
  const bytes = (BLOCK * bits) / 8;
  const rows = values.length / columns;
  const zero = bits === 8 ? 128 : 8;
  const block = new Uint8Array(BLOCK);
  for (let row = 0; row < rows; row += 1) {
    for (let b = 0; b < blocks; b += 1) {
      const start = row * columns + b * BLOCK;
      const count = Math.min(BLOCK, columns - b * BLOCK);
      let extreme = 0;
      for (let i = 0; i < count; i += 1) {
        const value = values[start + i] as number;
        if (Math.abs(value) > Math.abs(extreme)) extreme = value;
      }
      const scale = Math.fround(bits === 8 ? Math.abs(extreme) / 127 : extreme / -8);
      const inverse = scale === 0 ? 0 : 1 / scale;
      const target = (first + row) * blocks + b;
      scales[target] = scale;
      block.fill(zero);
      for (let i = 0; i < count; i += 1)
        block[i] = Math.min(2 * zero - 1, ((values[start + i] as number) * inverse + zero + 0.5) | 0);
      const at = target * bytes;
      if (bits === 8) codes.set(block, at);
      else
        for (let i = 0; i < bytes; i += 1)
          codes[at + i] = (block[2 * i] as number) | ((block[2 * i + 1] as number) << 4);
    }
  }
};

/** Writes one row of a matrix of 8 bits into `into` at `offset`. */
export const dequantiseRow = (
  { columns, codes, scales }: QuantisedMatrix,
  row: number,
  into: Float32Array,
  offset: number,
): void => {
  const blocks = Math.ceil(columns / BLOCK);
  const start = row * blocks * BLOCK;
  for (let i = 0; i < columns; i += 1)
    into[offset + i] = ((codes[start + i] as number) - 128) * (scales[row * blocks + (i >> 5)] as number);
};
