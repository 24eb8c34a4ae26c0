import type { PlainSchema } from "../flow/input/plain-schema.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import type { ServedLearning } from "./served-learning.ts";
import type { ServedFlow } from "./served-models.ts";

const claim = objectOf({ n: count, meanDifference: number, strength: number });
const evidence = objectOf({
  gate: objectOf({ better: claim, within: claim, worse: claim }),
  feedback: objectOf({ better: claim, worse: claim }),
});
const statusSchema: PlainSchema = objectOf({
  state: { enum: ["idle", "training", "trying"] },
  serving: text,
  candidate: nullable("string"),
  previous: nullable("string"),
  share: number,
  rates: objectOf({ promotion: number, rejection: number }),
  waiting: count,
  every: count,
  evidence: { anyOf: [evidence, { type: "null" }] },
  history: listOf(
    objectOf(
      {
        round: count,
        policy: text,
        end: { enum: ["promote", "reject", "undecided", "stopped", "gate", "rolled back"] },
        gate: objectOf({ accuracy: number, floor: number }),
        evidence,
      },
      ["gate", "evidence"],
    ),
  ),
  failure: nullable("string"),
});

/** What a flow that learns while it serves is doing, with its evidence, and the way back. */
export const learningRoutes = (flows: Readonly<Record<string, ServedFlow>>): readonly Route[] => {
  const learningOf = (name: string | undefined): ServedLearning => {
    const served = name !== undefined && Object.hasOwn(flows, name) ? flows[name] : undefined;
    if (served?.learning !== undefined) return served.learning;
    throw new RequestError(404, `There is no flow ${JSON.stringify(name)} that learns while it serves.`);
  };
  return [
    route({
      method: "get",
      path: "/api/learning/:flow",
      summary: "Shows both versions and the evidence for each.",
      reply: { description: "The versions and what is known of them.", schema: statusSchema },
      handle: ({ path }) => Response.json(learningOf(path.flow).status),
    }),
    route<object>({
      method: "post",
      path: "/api/learning/:flow/rollback",
      summary: "Ends a trial; without one the version before serves again.",
      body: { type: "object", additionalProperties: false, properties: {} },
      reply: { description: "The versions after it.", schema: statusSchema },
      handle: async ({ path }) => {
        const learning = learningOf(path.flow);
        if (!(await learning.rollback()))
          throw new RequestError(409, "No version served before this one.", { code: "nothing_to_roll_back" });
        return Response.json(learning.status);
      },
    }),
  ];
};
