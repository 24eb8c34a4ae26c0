import { type Command, InvalidArgumentError } from "commander";
import type { Budget } from "../budget.ts";
import { configIn } from "../setup/config-file.ts";
import { sideScreen } from "./terminal.ts";

/** Most that a number of an option may be. */
export const LARGEST = 1_000_000;

/** Reads a whole number of an option; anything else is a wrong call. */
export const wholeNumber =
  (least: number, most = LARGEST) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Accepted is a whole number from ${least} to ${most}.`);
  };

/** Reads the address of a server; anything else is a wrong call. */
export const serverAddress = (text: string): string => {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError("Accepted is the address of a server, such as http://127.0.0.1:8210.");
};

/** Reads names with commas between. */
export const names = (text: string): string[] => text.split(",").map((name) => name.trim());

const limits = ["turns", "tokens", "seconds", "calls", "dollars", "toolDollars"] as const;

/** Reads a budget: limits and numbers, `tokens=50000,seconds=60`. */
export const budgetOf = (text: string): Budget =>
  Object.fromEntries(
    names(text).map((part) => {
      const [name = "", value = ""] = part.split("=");
      if (!limits.some((limit) => limit === name))
        throw new InvalidArgumentError(`Accepted are ${limits.map((limit) => `${limit}=…`).join(", ")}.`);
      return [name, positive(value)];
    }),
  );

/** Reads a share of calls, of all tools that look something up or by tool: `0.3`, `web_search=0.3,web_page=0.1`. */
export const sharesOf = (text: string): number | Readonly<Record<string, number>> => {
  if (SHARE.test(text)) return Number(text);
  const shares = names(text).map((part) => {
    const [tool = "", value = "", ...rest] = part.split("=");
    if (tool !== "" && SHARE.test(value) && rest.length === 0) return [tool, Number(value)] as const;
    throw new InvalidArgumentError("Accepted is a share from 0 to less than 1, or some by tool: web_search=0.3,…");
  });
  return Object.fromEntries(shares);
};

const SHARE = /^(?:0|0?\.\d+)$/;

/** Reads a number above 0. */
export const positive = (text: string): number => {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Accepted is a number above 0.");
};

/** Reads a list of names with commas between. */
export const listOf =
  <Name extends string>(names: readonly Name[]) =>
  (text: string): Name[] => {
    const given = text.split(",").map((name) => name.trim()) as Name[];
    if (given.every((name) => names.includes(name))) return [...new Set(given)];
    throw new InvalidArgumentError(`Accepted are ${names.join(", ")}, with commas between.`);
  };

const SEED = 7;
export const seedOption = [
  "--seed <number>",
  "seed of all randomness; the same seed gives the same run",
  wholeNumber(0, 2 ** 31),
  SEED,
] as const;

export const noConfigOption = ["--no-config", "use the Almanac, although a project is here"] as const;

/** Commands that take a project find the one in the working folder, unless an option names another one or none. */
export const findProject = (command: Command): void => {
  const { config, resume, watch, json, quiet } = command.opts();
  const takes = command.options.some((option) => option.attributeName() === "config" && option.negate);
  if (!takes || typeof config === "string") return;
  // A run that is resumed knows whether it began with a project.
  const found = config === false || typeof resume === "string" ? undefined : configIn(".");
  command.setOptionValueWithSource("config", found, "implied");
  if (found !== undefined && !json && !quiet && watch === undefined)
    sideScreen().line(`config    ${found} (found here; --no-config leaves it out)`);
};

export const outOption = ["--out <folder>", "folder of the runs", "runs"] as const;
export const jsonOption = ["--json", "print one JSON object to stdout", false] as const;
