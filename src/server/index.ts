/** Flows as a server: OpenAI's protocols, feedback, learning while serving. A fetch-style app, and a listener for it. */
export { type AgentServer, agentServer, type ServerOptions } from "./app.ts";
export type { ErrorRates, Evidence, TrialEvidence } from "./evidence.ts";
export type { HealthCheck } from "./health-check.ts";
export { type ListeningServer, type ListenOptions, listen } from "./listen.ts";
export type { McpStreams } from "./mcp-streams.ts";
export { openServed, type ServedSetUp, type ServedSetUpOptions } from "./open-served.ts";
export type { Versions } from "./policy-hash.ts";
export type { Explain, RunControl, RunStarter } from "./run-control.ts";
export type { Passing } from "./run-feed.ts";
export {
  type LearnedVersion,
  type LearningStatus,
  type ServedLearning,
  type ServedLearningOptions,
  type ShownClaim,
  type ShownEvidence,
  serveLearning,
} from "./served-learning.ts";
export type { ServedFlow } from "./served-models.ts";
export type { Trial, TrialEnd, TrialOptions } from "./trial.ts";
export { listenViewer, type Viewer, type ViewerOptions, type WatchedRun } from "./viewer.ts";
