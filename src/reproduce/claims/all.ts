import type { Claim } from "../claim.ts";
import { algorithmClaims } from "./algorithm.ts";
import { flowClaims } from "./flow.ts";
import { trainingClaims } from "./training.ts";

/** All claims, in the order in which they are run and shown. */
export const claims: readonly Claim[] = [...trainingClaims, ...flowClaims, ...algorithmClaims];
