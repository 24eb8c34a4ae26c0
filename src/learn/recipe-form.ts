import { type Recipe, recipes, verifierColdStart } from "./recipe.ts";

/** Whether a value has the form of a recipe, part by part. What it says is compared with what the run used. */
export const isRecipe = (value: unknown): value is Recipe => {
  if (!isRecord(value)) return false;
  const {
    prompt = "chat",
    verdicts = false,
    turnsLeft = true,
    marked = false,
    references = "entries",
    beginnings = false,
    mistakes = 0,
    average = 1,
    unavailable = 0,
    verifier = verifierColdStart,
    grpo,
    ...parts
  } = value;
  if (
    (prompt !== "chat" && prompt !== "compact") ||
    typeof verdicts !== "boolean" ||
    typeof turnsLeft !== "boolean" ||
    typeof marked !== "boolean" ||
    typeof beginnings !== "boolean" ||
    (references !== "entries" && references !== "things") ||
    typeof mistakes !== "number" ||
    typeof average !== "number" ||
    typeof unavailable !== "number"
  )
    return false;
  if (!isRecord(grpo) || !isLike(verifier, verifierColdStart)) return false;
  const { optimiser, guard, ...options } = grpo;
  const { grpo: known, ...others } = recipes.flowOnly;
  const { optimiser: _, guard: __, ...knownOptions } = known;
  const isGuard = guard === false || isRecord(guard);
  return isGuard && isRecord(optimiser) && isLike(parts, others) && isLike(options, knownOptions);
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a value has the keys of another one, and under each of them a value of the same form. */
const isLike = (value: unknown, known: unknown): boolean => {
  if (!isRecord(known)) return typeof value === typeof known;
  const keys = Object.keys(known);
  return (
    isRecord(value) &&
    Object.keys(value).length === keys.length &&
    keys.every((key) => Object.hasOwn(value, key) && isLike(value[key], known[key]))
  );
};
