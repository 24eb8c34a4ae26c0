/** Engines at servers that speak the Tinker API. */

export { type ConformanceReport, type ConformanceRow, checkConformance } from "./conformance.ts";
export type { DialectName } from "./dialect.ts";
export { openTinkerEngine, type TinkerEngineOptions } from "./engine.ts";
export type { HttpRequest, HttpResponse, Transport } from "./http.ts";
export { type Finding, type ProbeOptions, type ProbeReport, probeServer } from "./probe.ts";
