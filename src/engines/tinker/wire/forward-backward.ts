import { EngineError, messageOf } from "../../../errors.ts";
import { type ProtoField, protobuf, protoFields } from "../../../protobuf.ts";
import {
  bytesIn,
  bytesOf,
  type DType,
  doubleIn,
  dtypeIn,
  dtypeNumber,
  entryIn,
  integerIn,
  numbersIn,
  readTensor,
  type Tensor,
  textIn,
  writeTensor,
} from "./tensor.ts";

/** One sequence of a request: `tokens` predict `inputs.target_tokens` place by place. */
export interface Datum {
  readonly tokens: readonly number[];
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** `tinker_public.ForwardBackwardRequest`: the body of `forward_backward`. */
export interface ForwardBackwardRequest {
  readonly modelId: string;
  readonly seqId: number;
  readonly data: readonly Datum[];
  readonly loss: string;
  readonly lossConfig: ReadonlyMap<string, number>;
  readonly forwardOnly: boolean;
}

/** `tinker_public.ForwardBackwardOutput`: what it comes to, one array a datum and field. */
export interface ForwardBackwardOutput {
  readonly type: string;
  readonly fields: ReadonlyMap<string, readonly Float32Array[]>;
  readonly metrics: ReadonlyMap<string, number>;
}

/** Reads a message. Throws `EngineError` that says what was wrong with it. */
export const reading = <Message>(what: string, read: () => Message): Message => {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new EngineError(`This is not a ${what}: ${messageOf(error)}.`, { cause: error });
  }
};

export const encodeForwardBackward = ({
  modelId,
  seqId,
  data,
  loss,
  lossConfig,
  forwardOnly,
}: ForwardBackwardRequest): Uint8Array =>
  protobuf((request) => {
    request.text(1, modelId);
    if (seqId !== 0) request.int(2, seqId);
    for (const { tokens, inputs } of data)
      request.message(3, (datum) => {
        datum.message(1, (chunk) =>
          chunk.message(1, (text) => {
            text.bytes(1, bytesOf(Int32Array.from(tokens)));
          }),
        );
        for (const [name, tensor] of inputs)
          datum.message(2, (entry) => {
            entry.text(1, name);
            entry.message(2, writeTensor(tensor));
          });
      });
    request.text(4, loss);
    for (const [name, value] of lossConfig)
      request.message(5, (entry) => {
        entry.text(1, name);
        entry.double(2, value);
      });
    if (forwardOnly) request.int(6, 1);
  });

const tokensIn = (chunk: Uint8Array): number[] => {
  const tokens: number[] = [];
  for (const part of protoFields(chunk)) {
    if (part.field !== 1) throw new SyntaxError("a sequence holds an image or audio: accepted is text");
    for (const text of protoFields(bytesIn(part)))
      if (text.field === 1) for (const token of numbersIn(bytesIn(text), "int32")) tokens.push(token);
  }
  return tokens;
};

const readDatum = (bytes: Uint8Array): Datum => {
  const tokens: number[] = [];
  const inputs = new Map<string, Tensor>();
  for (const part of protoFields(bytes)) {
    if (part.field === 1) for (const token of tokensIn(bytesIn(part))) tokens.push(token);
    if (part.field === 2) inputs.set(...entryIn(bytesIn(part), (value) => readTensor(bytesIn(value))));
  }
  return { tokens, inputs };
};

/** A number among settings of a loss; a text is a setting of losses that are not known here. */
const settingIn = (bytes: Uint8Array): number | undefined => {
  for (const part of protoFields(bytes)) if (part.field === 1) return doubleIn(part);
  return undefined;
};

/** Whose request it is and its number, which are known as well where the rest cannot be read. Throws `EngineError`. */
export const addressOf = (bytes: Uint8Array): Pick<ForwardBackwardRequest, "modelId" | "seqId"> =>
  reading("request of forward_backward", () => {
    let modelId: string | undefined;
    let seqId: number | undefined;
    for (const part of protoFields(bytes)) {
      if (part.field === 1) modelId = textIn(part);
      if (part.field === 2) seqId = integerIn(part);
      if (modelId !== undefined && seqId !== undefined) break;
    }
    return { modelId: modelId ?? "", seqId: seqId ?? 0 };
  });

export const decodeForwardBackward = (bytes: Uint8Array): ForwardBackwardRequest =>
  reading("request of forward_backward", () => {
    let [modelId, seqId, loss, forwardOnly] = ["", 0, "", false];
    const data: Datum[] = [];
    const lossConfig = new Map<string, number>();
    for (const part of protoFields(bytes)) {
      if (part.field === 1) modelId = textIn(part);
      if (part.field === 2) seqId = integerIn(part);
      if (part.field === 3) data.push(readDatum(bytesIn(part)));
      if (part.field === 4) loss = textIn(part);
      if (part.field === 5) lossConfig.set(...entryIn(bytesIn(part), doubleIn));
      if (part.field === 6) forwardOnly = integerIn(part) !== 0;
      if (part.field === 7) {
        const [name, value] = entryIn(bytesIn(part), (entry) => settingIn(bytesIn(entry)));
        if (value !== undefined) lossConfig.set(name, value);
      }
    }
    return { modelId, seqId, data, loss, lossConfig, forwardOnly };
  });

export const encodeForwardBackwardOutput = ({ type, fields, metrics }: ForwardBackwardOutput): Uint8Array =>
  protobuf((output) => {
    output.text(1, type);
    const count = Math.max(0, ...[...fields.values()].map(({ length }) => length));
    if (count > 0)
      output.message(2, (record) => {
        for (const [name, arrays] of fields)
          record.message(2, (entry) => {
            entry.text(1, name);
            entry.message(2, (batch) => {
              let end = 0;
              const ends = arrays.map(({ byteLength }) => {
                end += byteLength;
                return BigInt(end);
              });
              const data = new Uint8Array(end);
              for (const [i, array] of arrays.entries())
                data.set(bytesOf(array), Number(ends[i] ?? 0n) - array.byteLength);
              batch.bytes(1, data);
              batch.bytes(2, bytesOf(BigInt64Array.from([0n, ...ends])));
              batch.int(3, dtypeNumber("float32"));
            });
          });
        record.int(3, count);
      });
    for (const [name, value] of metrics)
      output.message(3, (entry) => {
        entry.text(1, name);
        entry.double(2, value);
      });
  });

/** The arrays of a field, cut at its offsets, which count bytes. */
const readBatch = (bytes: Uint8Array): Float32Array[] => {
  let [data, offsets] = [new Uint8Array(), new Uint8Array()];
  let dtype: DType = "float32";
  for (const part of protoFields(bytes)) {
    if (part.field === 1) data = new Uint8Array(bytesIn(part));
    if (part.field === 2) offsets = new Uint8Array(bytesIn(part));
    if (part.field === 3) dtype = dtypeIn(part);
  }
  const places = numbersIn(offsets, "int64");
  for (const [i, place] of places.entries())
    if (place < (places[i - 1] ?? 0) || place > data.length) throw new SyntaxError("offsets do not fit the data");
  if (data.length > 0 && (places[0] !== 0 || places.at(-1) !== data.length))
    throw new SyntaxError("offsets leave out some of the data");
  return places.slice(1).map((end, i) => Float32Array.from(numbersIn(data.subarray(places[i], end), dtype)));
};

const readRecord = (bytes: Uint8Array): ReadonlyMap<string, Float32Array[]> => {
  const fields = new Map<string, Float32Array[]>();
  let count = 0;
  for (const part of protoFields(bytes)) {
    if (part.field === 2) fields.set(...entryIn(bytesIn(part), (value: ProtoField) => readBatch(bytesIn(value))));
    if (part.field === 3) count = integerIn(part);
  }
  for (const [name, { length }] of fields)
    if (count !== 0 && length !== count) throw new SyntaxError(`${name} has ${length} arrays for ${count} sequences`);
  return fields;
};

export const decodeForwardBackwardOutput = (bytes: Uint8Array): ForwardBackwardOutput =>
  reading("result of forward_backward", () => {
    let type = "";
    const fields = new Map<string, Float32Array[]>();
    const metrics = new Map<string, number>();
    for (const part of protoFields(bytes)) {
      if (part.field === 1) type = textIn(part);
      if (part.field === 2)
        for (const [name, arrays] of readRecord(bytesIn(part)))
          fields.set(name, [...(fields.get(name) ?? []), ...arrays]);
      if (part.field === 3) metrics.set(...entryIn(bytesIn(part), doubleIn));
    }
    return { type, fields, metrics };
  });
