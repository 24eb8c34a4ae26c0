import { type Route, route } from "./route.ts";
import { listOf, nullable, objectOf, text } from "./schema.ts";
import type { ServedFlow } from "./served-models.ts";

const truth = { type: "boolean" } as const;

/** `GET /api/about`: what this server can do, so that a page offers nothing else. */
export const aboutRoute = (about: {
  readonly version: string;
  readonly flows: Readonly<Record<string, ServedFlow>>;
  /** Whether runs of learning are started here. */
  readonly starts: boolean;
  readonly resumes: boolean;
  readonly experience: boolean;
  /** The run of learning that this server can stop. */
  readonly current: () => string | undefined;
}): Route =>
  route({
    method: "get",
    path: "/api/about",
    summary: "Says what this server can do.",
    reply: {
      description: "Its flows, and what it does with runs.",
      schema: objectOf({
        version: text,
        flows: listOf(objectOf({ name: text, learns: truth })),
        starts: truth,
        resumes: truth,
        experience: truth,
        current: { ...nullable("string"), description: "The run of learning under way, which this server can stop." },
      }),
    },
    handle: () => {
      const { flows, current, ...known } = about;
      return Response.json({
        ...known,
        flows: Object.entries(flows).map(([name, { learning }]) => ({ name, learns: learning !== undefined })),
        current: current() ?? null,
      });
    },
  });
