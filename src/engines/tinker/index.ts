/** Engines at servers that speak the Tinker API. */

export type { DialectName } from "./dialect.ts";
export { openTinkerEngine, type TinkerEngineOptions } from "./engine.ts";
export type { HttpRequest, HttpResponse, Transport } from "./http.ts";
