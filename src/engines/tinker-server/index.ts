/** A server of the Tinker API over an engine: any client of the protocol trains on it. */

export { type Listening, type ListenOptions, listen } from "./listen.ts";
export { type TinkerServer, tinkerServer } from "./server.ts";
export type { TinkerServerOptions } from "./service.ts";
