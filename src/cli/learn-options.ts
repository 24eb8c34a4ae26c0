/** What `agentflow learn` was asked to do. */
export interface LearnOptions {
  readonly seed: number;
  /** Training steps; the recipe's own number when absent. */
  readonly steps?: number | undefined;
  /** Where the run's folder is made. */
  readonly out: string;
  /** The built-in model, a model folder, or a run, which stands for its weights. */
  readonly model: string;
  readonly concurrency: number;
  /** Tasks of each evaluation set; the sets' own sizes when absent. */
  readonly evalTasks?: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Evaluate on the validation split, for choosing settings. */
  readonly validation: boolean;
  /** Imitate random valid plans beside the reward. */
  readonly replay: boolean;
  /** The control: rewards are dealt out at random. */
  readonly permuteRewards: boolean;
}
