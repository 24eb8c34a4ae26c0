import { AgentFlowError, messageOf, StoreError } from "../../errors.ts";
import { type HttpResponse, JSON_TYPE, PROTOBUF_TYPE } from "../tinker/http.ts";

/** What an operation came to: an object for JSON, or a message that is encoded. */
export type Outcome = object | Uint8Array;

export const jsonResponse = (status: number, value: object): HttpResponse => ({
  status,
  headers: { "content-type": JSON_TYPE },
  body: new TextEncoder().encode(JSON.stringify(value)),
});

/** Operations under way and their results, which stay until their session ends. */
export interface Futures {
  /** Follows an operation. Returns the id under which its result is asked for. */
  follow(work: Promise<Outcome>): string;
  /** The result, once it is there; undefined after `milliseconds`. An id that is unknown is undefined as well: see `has`. */
  settled(id: string, milliseconds: number): Promise<HttpResponse | undefined>;
  has(id: string): boolean;
}

/** `newId` names one future among all that this and earlier servers gave. */
export const createFutures = (newId: () => string): Futures => {
  const results = new Map<string, Promise<HttpResponse>>();
  return {
    has: (id) => results.has(id),
    follow: (work) => {
      const id = newId();
      results.set(id, work.then(responseOf, failureOf));
      return id;
    },
    settled: async (id, milliseconds) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<undefined>((resolve) => {
        timer = setTimeout(() => resolve(undefined), milliseconds);
      });
      const result = await Promise.race([results.get(id), late]);
      clearTimeout(timer);
      return result;
    },
  };
};

const responseOf = (outcome: Outcome): HttpResponse =>
  outcome instanceof Uint8Array
    ? { status: 200, headers: { "content-type": PROTOBUF_TYPE }, body: outcome }
    : jsonResponse(200, outcome);

/** Whether the sender is to blame: what this project refuses, unless a file cannot be read or written. */
export const isSenders = (error: unknown): boolean => error instanceof AgentFlowError && !(error instanceof StoreError);

/** A failure is a result too: 200 with an error, which clients raise as it is. */
const failureOf = (error: unknown): HttpResponse =>
  jsonResponse(200, { error: messageOf(error), category: isSenders(error) ? "user" : "server" });
