/** From what a person names to what runs: a configuration file, names of models, keys in the environment. */
export { configIn, hashOfConfig, type LoadedConfig, loadConfig } from "./config-file.ts";
export {
  findModel,
  findPlayers,
  findRun,
  type LocalModelOptions,
  localPlanner,
  type Players,
} from "./local-model.ts";
export { projectFile } from "./project-file.ts";
export { type RemoteModel, remoteModel, type Tries } from "./remote-model.ts";
export { type RemotePlannerOptions, remotePlanner } from "./remote-planner.ts";
export { openSetUp, type Player, type SetUp, type SetUpOptions } from "./set-up.ts";
export { commandLine, SKYRL_VERSION, type SkyrlCommand, type SkyrlOptions, skyrlCommands } from "./skyrl.ts";
export { type NamedAgain, type OpenedAgain, openedAgain } from "./stored-run.ts";
export { type ChosenPlanner, trainedPlanner } from "./trained-planner.ts";
export { type LoadAdapterOptions, loadAdapter } from "./vllm.ts";
export { workerTexts } from "./worker-texts.ts";
