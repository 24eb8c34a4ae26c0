/**
 * Drafts a post from research, asks for approval, publishes it to two channels, and reads later how it did: that figure is
 * the reward, which the flow learns from when it comes (`onlineLearner`).
 */
import { createFlow, tool } from "agentflow";
import { scriptedPlanner } from "agentflow/testing";
import { aitoearnTools } from "agentflow/tools";
import { channelServer } from "./channel-server.ts";

const server = await channelServer({ apiKey: "key" });
const channels = aitoearnTools({ baseURL: server.baseURL, apiKey: "key" });
const research = tool<{ query: string }>({
  description: "Looks facts up.",
  inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  execute: ({ query }) => ({ text: `${query}: 118 are known.`, fields: { count: { kind: "number", value: 118 } } }),
});

const post = {
  accounts: "video-account,text-account",
  title: "Chemistry in one line",
  text: "There are 118 elements.",
};
const flow = createFlow({
  // A model writes these plans in earnest: modelPlanner(model).
  planner: scriptedPlanner(["research elements", "channel_accounts {}", `create_publish_flow ${JSON.stringify(post)}`]),
  tools: { research, ...channels },
  // Asked before each call; publishing is what somebody has to agree to.
  toolApproval: ({ tool: name, input }) => {
    if (name === "create_publish_flow") console.log("approve", name, JSON.stringify(input));
    return true;
  },
  generator: ({ memory }) => {
    const last = memory.at(-1)?.observation;
    return last?.status === "ok" ? String(last.fields.id?.value) : undefined;
  },
  budget: { turns: 3 },
});

const { trajectory } = await flow.solve("Publish one line on the chemical elements.");
console.log("posted ", trajectory.answer, "on", server.posts[0]?.accounts.join(" and "));

// A day later: the figure comes, and with it the reward of a trajectory that has waited for it by its id.
server.setViews("post-1", 420);
const metrics = channels.work_metrics?.execute({ platform: "text", id: "post-1" } as never, {
  abortSignal: AbortSignal.timeout(5000),
});
const { fields } = (await metrics) as { fields: { views?: { value: number } } };
const reward = Math.min(1, (fields.views?.value ?? 0) / 1000);
console.log("reward ", reward, "for", trajectory.query.question);
await server.close();
