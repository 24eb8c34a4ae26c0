import type { Policy } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { randomKey, uniform } from "../random.ts";
import type { OnlineLearner } from "../train/index.ts";
import { policyHash, type Versions } from "./policy-hash.ts";
import { RequestError } from "./request-error.ts";
import type { ServedLearning } from "./served-learning.ts";

/** A flow that answers under a name. */
export interface ServedFlow {
  readonly flow: Pick<Flow, "solve">;
  /** Whose versions answer; none where all models are frozen. @default [] */
  readonly policies?: readonly Policy[] | undefined;
  /** Whether its planner reads earlier messages; compact prompts have no room for them. @default true */
  readonly conversation?: boolean | undefined;
  /** Learns while it serves. */
  readonly learning?: ServedLearning | undefined;
}

export type Arm = "serving" | "candidate" | "named";

/** Who answers a request. */
export interface Choice {
  /** The model's name as it was asked for. */
  readonly model: string;
  readonly flow: string;
  readonly served: ServedFlow;
  readonly arm: Arm;
  readonly versions: Versions;
  /** The hash of these versions; undefined where nothing is trained. */
  readonly policy: string | undefined;
}

/** A model as `/v1/models` lists it. */
export interface ListedModel {
  readonly id: string;
  readonly flow: string;
  readonly policy: string | null;
  readonly state: "serving" | "candidate" | "previous" | "flow";
}

/** The names under which flows and their versions are asked for. */
export interface ServedModels {
  list(): readonly ListedModel[];
  /** `person` keeps whoever has one on the same version. Throws `RequestError` 404 for a name that is not served. */
  choose(model: string, person: string): Choice;
}

const SHORTEST_HASH = 8;

/** Throws `ConfigError` for names that clients could not send. */
export const servedModels = (flows: Readonly<Record<string, ServedFlow>>): ServedModels => {
  const names = Object.keys(flows);
  if (names.length === 0) throw new ConfigError("There is nothing to serve: name at least one flow.");
  for (const name of names)
    if (!/^[\w.:/-]{1,100}$/.test(name))
      throw new ConfigError(`A flow is named ${JSON.stringify(name)}: accepted are letters, digits and . : / - _.`);

  const list = (): ListedModel[] =>
    Object.entries(flows).flatMap(([flow, served]) => [
      { id: flow, flow, policy: policyHash(servingOf(served)) ?? null, state: "flow" as const },
      ...stagesOf(served).flatMap(({ state, versions }) => {
        const policy = policyHash(versions);
        return policy === undefined ? [] : [{ id: `${flow}@${policy}`, flow, policy, state }];
      }),
    ]);

  return {
    list,
    choose: (model, person) => {
      const [flow = "", hash] = model.split("@");
      const served = Object.hasOwn(flows, flow) ? flows[flow] : undefined;
      const choice = (arm: Arm, versions: Versions, of: ServedFlow): Choice => ({
        model,
        flow,
        served: of,
        arm,
        versions,
        policy: policyHash(versions),
      });
      if (served !== undefined && hash === undefined) {
        const trial = served.learning?.trial;
        // By a hash, so that a person stays on one version for as long as it is tried.
        const isTrying =
          trial !== undefined &&
          uniform(randomKey("canary", policyHash(trial.candidate) ?? "", person), 0) < trial.share;
        return isTrying ? choice("candidate", trial.candidate, served) : choice("serving", servingOf(served), served);
      }
      const named = served === undefined || (hash?.length ?? 0) < SHORTEST_HASH ? [] : stagesOf(served);
      const stage = named.find(({ versions }) => policyHash(versions)?.startsWith(hash ?? ""));
      if (served === undefined || stage === undefined)
        throw new RequestError(
          404,
          `There is no model ${JSON.stringify(model.slice(0, 100))}: accepted are ${list()
            .map(({ id }) => id)
            .join(", ")}.`,
          { code: "model_not_found", param: "model" },
        );
      return choice("named", stage.versions, served);
    },
  };
};

/** The versions that answer when only the flow is named. */
const servingOf = ({ policies = [], learning }: ServedFlow): Versions =>
  learning?.learner.versions ?? Object.fromEntries(policies.map(({ name, version }) => [name, version]));

/** The versions of a flow that can be asked for. */
const stagesOf = (
  served: ServedFlow,
): readonly { readonly state: Exclude<ListedModel["state"], "flow">; readonly versions: Versions }[] => {
  const { learning } = served;
  const learner: OnlineLearner<unknown> | undefined = learning?.learner;
  return [
    { state: "serving", versions: servingOf(served) },
    ...(learning?.trial === undefined ? [] : [{ state: "candidate" as const, versions: learning.trial.candidate }]),
    ...(learner?.previous === undefined ? [] : [{ state: "previous" as const, versions: learner.previous }]),
  ];
};
