import { randomUUID } from "node:crypto";
import type { FlowEvent } from "../event.ts";
import { type EventStream, eventStream } from "../event-stream.ts";
import type { SolveResult } from "../flow/flow.ts";
import { defined } from "../options.ts";
import type { Query } from "../task.ts";
import type { Admission } from "./admission.ts";
import { type AskedConversation, type AskedFields, ignoredIn, personOf } from "./asked.ts";
import type { LiveCalls } from "./live-calls.ts";
import type { ServeRecord } from "./serve-record.ts";
import type { Choice, ServedModels } from "./served-models.ts";

/** A solve under way for a client. */
export interface Answering {
  /** Of the trajectory. */
  readonly id: string;
  readonly choice: Choice;
  /** Its events for one reader, who ends the solve by leaving. */
  readonly stream: EventStream<FlowEvent, SolveResult>;
  /** Goes with every answer, beside what the client's protocol has a place for. */
  facts(result: SolveResult): AnswerFacts;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AnswerFacts {
  readonly trajectory: string;
  readonly policy: string | null;
  readonly arm: Choice["arm"];
  readonly status: SolveResult["status"];
  readonly stopReason: string;
  readonly answer: string | null;
  readonly turns: number;
  readonly calls: number;
  readonly seconds: number;
  readonly conversation: "none" | "given" | "left out";
  readonly ignored: readonly string[];
}

/** Starts a solve: waits for a place, chooses the version, records what comes of it. */
export type Answer = (asked: AskedConversation & AskedFields, abortSignal: AbortSignal) => Promise<Answering>;

export const answerer =
  (models: ServedModels, admission: Admission, record: ServeRecord, live: LiveCalls): Answer =>
  async (asked, outer) => {
    const { model, question, conversation } = asked;
    const id = randomUUID();
    const person = personOf(asked) ?? id;
    // A model that is not there is refused before anything waits.
    models.choose(model, person);
    const { abortSignal, end } = live.begin(outer);
    let leave = (): void => undefined;
    const over = (): void => {
      leave();
      end();
    };
    try {
      leave = await admission.enter(abortSignal);
      const choice = models.choose(model, person);
      const { served, arm, versions, policy } = choice;
      const isGiven = conversation.length > 0 && served.conversation !== false;
      const query: Query = { id, question, ...(isGiven && { conversation }) };
      const solver = served.learning?.learner ?? served.flow;
      const stream = eventStream<FlowEvent, SolveResult>(
        async (listen, signal) => {
          try {
            const result = await solver.solve(query, { id, versions, abortSignal: signal, onEvent: listen });
            const known = { trajectory: id, flow: choice.flow, policy: policy ?? null, arm, query };
            record.answered({ ...known, answer: result.trajectory.answer ?? null }, result.trajectory, result.usage);
            return result;
          } finally {
            over();
          }
        },
        { abortSignal },
      );
      // A reader who leaves does not wait for it.
      stream.result.catch(() => undefined);
      return {
        id,
        choice,
        stream,
        headers: { "x-agentflow-trajectory": id, ...defined({ "x-agentflow-policy": policy }) },
        facts: ({ status, stopReason, usage, trajectory }) => ({
          trajectory: id,
          policy: policy ?? null,
          arm,
          status,
          stopReason,
          answer: trajectory.answer ?? null,
          turns: usage.turns,
          calls: usage.calls,
          seconds: usage.seconds,
          conversation: conversation.length === 0 ? "none" : isGiven ? "given" : "left out",
          ignored: ignoredIn(asked),
        }),
      };
    } catch (error) {
      over();
      throw error;
    }
  };

/** What a client reads where a flow has no answer, or only an uncertain one is there. */
export const answerText = (result: SolveResult): string =>
  result.trajectory.answer ?? `I found no answer (${result.stopReason}).`;
