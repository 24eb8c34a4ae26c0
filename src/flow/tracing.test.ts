import * as opentelemetry from "@opentelemetry/api";
import { expect, it } from "vitest";
import { scriptedPlanner } from "../testing/index.ts";
import { tool } from "../tool.ts";
import { createFlow } from "./flow.ts";
import type { TraceApi } from "./tracing.ts";

const inputSchema = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const tools = {
  look: tool<{ query: string }>({
    description: "Looks.",
    inputSchema,
    execute: ({ query }) => ({ text: query, fields: { value: { kind: "text", value: query } } }),
  }),
  fail: tool<{ query: string }>({
    description: "Fails.",
    inputSchema,
    execute: () => {
      throw new Error("broken");
    },
  }),
};
const planner = scriptedPlanner(["fail x", "look here"]);

it("traces a solve by the GenAI conventions, and ends every span", async () => {
  const spans: {
    name: string;
    attributes: Record<string, unknown>;
    status?: unknown;
    ended: number;
    parent: unknown;
  }[] = [];
  const api: TraceApi = {
    trace: {
      getTracer: () => ({
        startSpan: (name, { attributes }, parent) => {
          const span = {
            name,
            attributes: { ...attributes } as Record<string, unknown>,
            status: undefined as unknown,
            ended: 0,
            parent,
          };
          spans.push(span);
          return {
            setAttribute: (key, value) => {
              span.attributes[key] = value;
            },
            setStatus: (status) => {
              span.status = status;
            },
            end: () => {
              span.ended += 1;
            },
          };
        },
      }),
      setSpan: (_, span) => span,
    },
    context: { active: () => "root" },
  };
  await createFlow({ planner, tools, tracing: api }).solve("Where?", { id: "one" });
  expect(spans.map(({ name }) => name)).toEqual([
    "invoke_agent agentflow",
    "plan",
    "execute_tool fail",
    "verify",
    "plan",
    "execute_tool look",
    "verify",
  ]);
  expect(spans.every(({ ended }) => ended === 1)).toBe(true);
  expect(spans[0]?.attributes).toMatchObject({
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.conversation.id": "one",
    "agentflow.status": "solved",
    "agentflow.tool_errors": 1,
  });
  expect(spans[2]).toMatchObject({
    attributes: { "gen_ai.tool.name": "fail", "error.type": "tool-error" },
    status: { code: 2, message: "broken" },
  });
});

it("takes the module itself", async () => {
  const { status } = await createFlow({ planner, tools, tracing: opentelemetry }).solve("Where?");
  expect(status).toBe("solved");
});
