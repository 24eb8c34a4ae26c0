import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, type BaseMessage } from "@langchain/core/messages";
import { createAgent, tool } from "langchain";
import { z } from "zod";
import { ANSWER, QUESTION, type Subject, turns } from "../subject.ts";

class Instant extends BaseChatModel {
  readonly wait: Promise<void> | undefined;
  constructor(wait: Promise<void> | undefined) {
    super({});
    this.wait = wait;
  }
  _llmType() {
    return "instant";
  }
  override bindTools() {
    return this;
  }
  async _generate(messages: BaseMessage[]) {
    const done = messages.filter((message) => message.getType() === "tool").length;
    if (this.wait !== undefined && done === 1) await this.wait;
    const turn = turns[done];
    const message =
      turn === undefined
        ? new AIMessage(ANSWER)
        : new AIMessage({
            content: "",
            tool_calls: [{ id: `c${done}`, name: turn.tool, args: { query: turn.query }, type: "tool_call" }],
          });
    return { generations: [{ text: "", message }] };
  }
}

const tools = ["look", "read"].map((name) =>
  tool(async () => ANSWER, { name, description: "Looks.", schema: z.object({ query: z.string() }) }),
);

export const subject: Subject = {
  solve: (wait) => {
    const agent = createAgent({ model: new Instant(wait), tools });
    return () => agent.invoke({ messages: [{ role: "user", content: QUESTION }] });
  },
};
