import { join } from "node:path";
import { readStoredOptions } from "../learn/stored-options.ts";
import { type Verification, verify } from "../learn/verify.ts";
import { integrityOf, requireThisVersion } from "../learn/verify-integrity.ts";
import { findRun } from "../setup/local-model.ts";
import { type NamedAgain, openedAgain } from "../setup/stored-run.ts";
import { requireIdle } from "../store/owner.ts";
import { listenToInterrupts } from "./interrupt.ts";
import type { Part, Screen } from "./screen.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { hanging } from "./text-width.ts";
import { visible } from "./visible.ts";
import { counted } from "./words.ts";

export interface VerifyCommandOptions extends NamedAgain {
  /** One step, counted from 1; the whole run when absent. */
  readonly step?: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `agentflow runs verify`: does a run again and says what differs. Returns the exit code: 1 for a difference. */
export const verifyCommand = async (
  name: string,
  { step, json, quiet, ...named }: VerifyCommandOptions,
): Promise<number> => {
  const screen = openScreen({ json, quiet });
  const { root, id } = await findRun(name);
  const folder = join(root, id);
  const interrupts = listenToInterrupts(() => undefined);
  try {
    await requireIdle(folder);
    await requireThisVersion(folder);
    // Nothing is opened for a run whose files are not what they were.
    const damage = await integrityOf(folder);
    // Of a run at a server nothing is asked there: its address need not be named again.
    const written = damage.length > 0 ? {} : (await readStoredOptions(folder)).written;
    const engine = typeof written.engine === "string" ? written.engine : undefined;
    const found: Verification =
      damage.length > 0
        ? { run: id, verified: false, steps: 0, sameMachine: undefined, differences: damage, notCovered: [] }
        : await verify(folder, {
            ...(await openedAgain(folder, { ...named, engine }, process.env)),
            step,
            onStep: (done) => screen.live(`verified step ${done}`),
            abortSignal: interrupts.abortSignal,
          });
    screen.clear();
    showVerification(screen, found, step);
    const { run, verified, steps, sameMachine, differences, notCovered, covered } = found;
    if (json)
      writeJson({
        schemaVersion: 1,
        run,
        verified,
        steps,
        sameMachine: sameMachine ?? null,
        difference: differences[0] ?? null,
        differences,
        ...(covered && { covered }),
        notCovered,
      });
    return verified ? 0 : 1;
  } finally {
    interrupts.close();
    screen.clear();
  }
};

/** What was found, in lines of the screen's width. */
export const showVerification = (
  screen: Screen,
  { run, verified, steps, sameMachine, differences, notCovered, covered }: Verification,
  step?: number,
): void => {
  const say = (label: string, text: string, paint: (line: string) => Part = (line) => line): void => {
    for (const line of hanging(label + visible(text), screen.width, label.length)) screen.line(paint(line));
  };
  const machine = sameMachine === false ? ", on another machine or runtime than the run's" : "";
  if (verified && covered !== undefined) {
    say("verified  ", `what of ${run} can be done again without its server`);
    for (const one of covered) say("done again  ", one);
  } else if (verified)
    say(
      "verified  ",
      `${counted(steps, "step")} of ${run}${step === undefined ? ", every row and every file" : ""}${machine}`,
    );
  for (const one of differences) say("differs   ", `${one}${machine}`, screen.bad);
  if (verified) for (const one of notCovered) say("not covered  ", one);
};
