import type { FolderExperience } from "../store/experience.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { count, listOf, number, objectOf, text } from "./schema.ts";

const shown = objectOf(
  {
    id: text,
    question: text,
    plan: listOf(objectOf({ tool: text, subGoal: text, failed: { type: "boolean" } })),
    reward: number,
    source: text,
  },
  ["reward"],
);

/** What is kept across tasks, by where it comes from, and how to forget a source. */
export const experienceRoutes = (store: FolderExperience | undefined): readonly Route[] => {
  const kept = (): FolderExperience => {
    if (store !== undefined) return store;
    throw new RequestError(404, "This server keeps no experience: name a folder for it in the configuration.", {
      code: "no_experience",
    });
  };
  return [
    route({
      method: "get",
      path: "/api/experience",
      summary: "Lists what is kept of earlier tasks, the newest first.",
      query: {
        source: { type: "string", maxLength: 200 },
        offset: count,
        limit: { type: "integer", minimum: 1, maximum: 500 },
      },
      reply: {
        description: "A page, and how much is kept of each source.",
        schema: objectOf({
          total: count,
          sources: listOf(objectOf({ source: text, kept: count })),
          experience: listOf(shown),
        }),
      },
      handle: ({ query }) => {
        const all = kept().list().toReversed();
        const sources = new Map<string, number>();
        for (const { source } of all) sources.set(source, (sources.get(source) ?? 0) + 1);
        const wanted = query.source === undefined ? all : all.filter(({ source }) => source === query.source);
        const from = Number(query.offset ?? 0);
        return Response.json({
          total: wanted.length,
          sources: [...sources].map(([source, n]) => ({ source, kept: n })),
          experience: wanted
            .slice(from, from + Number(query.limit ?? 100))
            .map(({ id, question, plan, reward, source }) => ({ id, question, plan, reward, source })),
        });
      },
    }),
    route<{ readonly source: string }>({
      method: "post",
      path: "/api/experience/prune",
      summary: "Forgets everything from one source.",
      body: {
        type: "object",
        required: ["source"],
        additionalProperties: false,
        properties: { source: { type: "string", minLength: 1, maxLength: 200 } },
      },
      reply: { description: "It is forgotten.", schema: objectOf({ forgotten: count, kept: count }) },
      handle: async ({ body }) => {
        const forgotten = await kept().prune(body.source);
        return Response.json({ forgotten, kept: kept().list().length });
      },
    }),
  ];
};
