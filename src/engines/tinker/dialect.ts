import { ConfigError } from "../../errors.ts";

/** What a server does with what the protocol leaves open, as data: one client speaks to all of them. */
export interface Dialect {
  readonly name: string;
  /** Whether it was run; what was only read in its source is not. */
  readonly verified: boolean;
  /** `sum` over tokens and sequences; `mean` over a sequence's mask, then over all sequences since the last step. */
  readonly reduction: "sum" | "mean";
  /** Whether losses with advantages take `weights`, a mask of 0 and 1. */
  readonly mask: boolean;
  /** Whether `grad_clip_norm` is honoured. */
  readonly clips: boolean;
  /** Whether betas, epsilon and weight decay are honoured. */
  readonly adam: boolean;
  /** Whether a snapshot stays as it was; else only the newest one may be sampled. */
  readonly immutableSnapshots: boolean;
  /** Whether `load_weights` makes the model that it loads into. */
  readonly createFromState: boolean;
  /** Whether a fresh model may hold a gradient that an unloaded one left. */
  readonly gradientLeaks: boolean;
}

const official: Dialect = {
  name: "tinker",
  verified: true,
  reduction: "sum",
  mask: false,
  clips: true,
  adam: true,
  immutableSnapshots: true,
  createFromState: true,
  gradientLeaks: false,
};

const skyrl: Dialect = {
  ...official,
  name: "skyrl-jax",
  reduction: "mean",
  mask: true,
  clips: false,
  immutableSnapshots: false,
  createFromState: false,
  gradientLeaks: true,
};

const skyrlTorch: Dialect = { ...skyrl, verified: false, reduction: "sum", adam: false, gradientLeaks: false };

/** The dialects that are known, by name. */
export const dialects: Readonly<Record<"tinker" | "skyrl-jax" | "skyrl-fsdp" | "skyrl-megatron", Dialect>> = {
  tinker: official,
  "skyrl-jax": skyrl,
  "skyrl-fsdp": { ...skyrlTorch, name: "skyrl-fsdp" },
  "skyrl-megatron": { ...skyrlTorch, name: "skyrl-megatron" },
};

export type DialectName = keyof typeof dialects;

/** Throws `ConfigError` for a name that is unknown. */
export const dialectOf = (dialect: DialectName | Dialect): Dialect => {
  if (typeof dialect !== "string") return dialect;
  if (Object.hasOwn(dialects, dialect)) return dialects[dialect];
  throw new ConfigError(`There is no dialect ${dialect}: accepted are ${Object.keys(dialects).join(", ")}.`);
};
