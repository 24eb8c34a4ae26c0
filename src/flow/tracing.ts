import type { FlowEvent } from "../event.ts";
import type { MemoryEntry, Trajectory } from "../trajectory.ts";

/** What is used of a span of OpenTelemetry. */
export interface TraceSpan {
  setAttribute(name: string, value: string | number | boolean): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(): void;
}

/**
 * What is used of `@opentelemetry/api`: hand the whole module over. Nothing of it is imported here, so that nobody loads it
 * who does not trace.
 */
export interface TraceApi {
  readonly trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options: { readonly attributes: Readonly<Record<string, string | number | boolean>> },
        // biome-ignore lint/suspicious/noExplicitAny: the context of OpenTelemetry, which is handed through
        context?: any,
      ): TraceSpan;
    };
    // biome-ignore lint/suspicious/noExplicitAny: as above
    setSpan(context: any, span: any): any;
  };
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly context: { active(): any };
}

const ERROR = 2;

/**
 * Spans of a solve by the GenAI conventions of OpenTelemetry: `invoke_agent` around it, and below it `plan`, `execute_tool`
 * and `verify` of each turn. `agentflow.*` says what the conventions have no word for: policy version, verdict, reason.
 */
export interface FlowTrace {
  readonly onEvent: (event: FlowEvent) => void;
  /** Ends the outer span with what came of the solve. */
  end(trajectory: Trajectory): void;
}

/** Begins to trace a solve. */
export const traceSolve = (api: TraceApi, id: string): FlowTrace => {
  const tracer = api.trace.getTracer("agentflow");
  const root = tracer.startSpan("invoke_agent agentflow", {
    attributes: {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "agentflow",
      "gen_ai.conversation.id": id,
    },
  });
  const below = api.trace.setSpan(api.context.active(), root);
  const begin = (name: string, attributes: Readonly<Record<string, string | number | boolean>>): TraceSpan =>
    tracer.startSpan(name, { attributes }, below);
  let open: TraceSpan | undefined;
  const close = (): void => {
    open?.end();
    open = undefined;
  };
  return {
    onEvent: (event) => {
      if (event.type === "plan-start") {
        close();
        open = begin("plan", { "gen_ai.operation.name": "plan", "agentflow.turn": event.turn });
      } else if (event.type === "plan-end") {
        open?.setAttribute("gen_ai.tool.name", event.tool);
        open?.setAttribute("agentflow.sub_goal", event.subGoal);
        close();
      } else if (event.type === "tool-call") {
        close();
        open = begin(`execute_tool ${event.call.tool}`, {
          "gen_ai.operation.name": "execute_tool",
          "gen_ai.tool.name": event.call.tool,
          "agentflow.turn": event.turn,
        });
      } else if (event.type === "tool-result" || event.type === "tool-error") {
        const { observation } = event;
        if (observation.status !== "ok") {
          open?.setAttribute("error.type", observation.reason);
          open?.setStatus({ code: ERROR, message: observation.error });
        }
        close();
        open = begin("verify", { "gen_ai.operation.name": "verify", "agentflow.turn": event.turn });
      } else if (event.type === "verdict-end") {
        open?.setAttribute("agentflow.verdict", event.verdict.decision);
        close();
      }
    },
    end: ({ status, stopReason, failure, memory, turns }) => {
      close();
      root.setAttribute("agentflow.status", status);
      root.setAttribute("agentflow.stop_reason", stopReason);
      root.setAttribute("agentflow.turns", memory.length);
      root.setAttribute("agentflow.tool_errors", memory.filter(isError).length);
      for (const { policy, version } of turns) root.setAttribute(`agentflow.policy.${policy}`, version);
      if (failure !== undefined) root.setStatus({ code: ERROR, message: failure });
      root.end();
    },
  };
};

const isError = ({ observation }: MemoryEntry): boolean => observation.status !== "ok";
