/** Something that must hold for answers to be given and kept. */
export interface HealthCheck {
  readonly name: string;
  /** Returns, or settles with, what is wrong; undefined where nothing is. */
  readonly check: () => string | undefined | Promise<string | undefined>;
}
