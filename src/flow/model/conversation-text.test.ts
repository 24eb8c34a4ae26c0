import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Utterance } from "../../task.ts";
import { scriptedModel } from "../../testing/index.ts";
import { createFlow } from "../flow.ts";
import { modelAnalyst } from "./analyst.ts";
import { conversationText } from "./conversation-text.ts";

const said = (role: Utterance["role"], text: string): Utterance => ({ role, text });

describe("the slot for earlier messages", () => {
  it("is empty without any, and bounded whatever they are", () => {
    expect(conversationText()).toBe("");
    const utterance = fc.record({
      role: fc.constantFrom("system", "user", "assistant"),
      text: fc.string({ maxLength: 3000 }),
    });
    fc.assert(
      fc.property(fc.array(utterance as fc.Arbitrary<Utterance>, { maxLength: 40 }), (conversation) => {
        const text = conversationText(conversation);
        expect(text.length).toBeLessThanOrEqual(4200);
        expect(text.split("\n").length).toBeLessThanOrEqual(conversation.length + 1);
      }),
    );
  });

  it("keeps the setting and the newest, in order, and says how many are left out", () => {
    const many = Array.from({ length: 20 }, (_, i) =>
      said(i % 2 === 0 ? "user" : "assistant", `${i} ${"x".repeat(500)}`),
    );
    const text = conversationText([said("system", "Be brief."), ...many]);
    expect(text).toMatch(/^Earlier in this conversation .*; 13 older left out\):\nSetting: Be brief\.\nAssistant: 13 /);
    expect(text.split("\n").at(-1)).toMatch(/^Assistant: 19 /);
  });

  it("reaches the analyst, which may name what was said before", async () => {
    const model = scriptedModel(["names: Lagos\nunit: person"]);
    const flow = createFlow({
      analyst: modelAnalyst(model),
      planner: () => ({ step: { tool: "none", subGoal: "q1", raw: "none q1" } }),
      tools: {},
      budget: { turns: 1 },
    });
    const conversation = [said("user", "Tell me about Lagos."), said("assistant", "It is a city.")];
    const { trajectory } = await flow.solve({ id: "q", question: "How many people live there?", conversation });
    expect(trajectory.analysis).toMatchObject({ entities: ["Lagos"], template: "How many people live there?" });
    expect(trajectory.query.conversation).toEqual(conversation);
    expect(model.requests[0]?.messages[1]?.content).toMatch(
      /^Earlier .*\nUser: Tell me .*\n\nQuestion: How many people live there\?$/s,
    );
    // Without a conversation the prompt is what it was.
    await flow.solve("How many people live in Lagos?");
    expect(model.requests[1]?.messages[1]?.content).toBe("How many people live in Lagos?");
  });
});
