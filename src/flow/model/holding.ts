import type { SecretHolder } from "../../model.ts";

/** A module with the secrets of the model that it asks: a flow takes them out of everything. */
export const holding = <Module extends object>(model: SecretHolder, module: Module): Module & SecretHolder =>
  model.secrets === undefined ? module : Object.assign(module, { secrets: () => model.secrets?.() ?? [] });
