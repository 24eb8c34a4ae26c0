import type { OnnxBuilder } from "./onnx-builder.ts";
import type { Forward, OperatorName, Operators } from "./operators.ts";
import { rules } from "./rules.ts";

type AnyBackward = (b: OnnxBuilder, context: object) => Readonly<Record<string, string>>;

interface Step {
  readonly operator: OperatorName;
  readonly forward: Forward<OperatorName>;
}

/** Records operators as they are applied, then emits their gradients in reverse order. The inputs of one operator are distinct values. */
export interface Tape {
  apply<K extends OperatorName>(
    operator: K,
    input: Readonly<Record<Operators[K]["input"], string>>,
    ...attributes: object extends Operators[K]["attributes"] ? [] : [Operators[K]["attributes"]]
  ): Readonly<Record<Operators[K]["output"], string>>;
  /**
   * Says that `by` (an input of the graph) holds what `value` is: what reads `by` from here on gives its gradient to
   * `value`, and gradients that need `value` read `by`, so that nobody computes it again. Returns `by`.
   */
  standIn(value: string, by: string): string;
  /**
   * Reverse mode. `gradient` is that of `of` (an output `y`). `parameters` maps each wanted value to a gradient it has
   * already (it is added to) or to undefined. Returns the gradient of each parameter that `of` depends on.
   */
  backward(
    of: string,
    gradient: string,
    parameters: ReadonlyMap<string, string | undefined>,
  ): ReadonlyMap<string, string>;
}

export const tape = (b: OnnxBuilder): Tape => {
  const steps: Step[] = [];
  const standIns = new Map<string, string>();
  const originals = new Map<string, string>();
  const original = (name: string): string => originals.get(name) ?? name;
  const atHand = (names: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(names).map(([slot, name]) => [slot, standIns.get(name) ?? name]));
  return {
    standIn: (value, by) => {
      standIns.set(value, by);
      originals.set(by, value);
      return by;
    },
    apply: (operator, input, ...rest) => {
      const attributes = (rest[0] ?? {}) as Operators[typeof operator]["attributes"];
      const { output, saved } = rules[operator].forward(b, input, attributes);
      steps.push({ operator, forward: { input, output, saved, attributes } as unknown as Forward<OperatorName> });
      return output;
    },
    backward: (of, gradient, parameters) => {
      // Forward reachability: a value needs a gradient when a parameter flows into it.
      const needed = new Set(parameters.keys());
      for (const { forward } of steps) {
        if (Object.values<string>(forward.input).some((name) => needed.has(original(name)))) {
          for (const name of Object.values<string>(forward.output)) needed.add(name);
        }
      }
      const gradients = new Map<string, string>([[of, gradient]]);
      for (const [name, into] of parameters) if (into !== undefined) gradients.set(name, into);
      for (const { operator, forward } of steps.toReversed()) {
        const y = gradients.get(forward.output.y);
        if (y === undefined || !needed.has(forward.output.y)) continue;
        const input = forward.input as Readonly<Record<string, string>>;
        const into = Object.fromEntries(
          Object.entries(input).flatMap(([slot, name]) => {
            const known = gradients.get(original(name));
            return known === undefined ? [] : [[slot, known]];
          }),
        );
        const context = {
          ...forward,
          output: atHand(forward.output),
          saved: atHand(forward.saved),
          gradient: y,
          into,
          wants: (slot: string) => needed.has(original(input[slot] ?? "")),
        };
        const rule = rules[operator].backward as unknown as AnyBackward;
        const made = rule(b, context);
        for (const [slot, name] of Object.entries(made)) {
          const value = original(input[slot] ?? "");
          if (needed.has(value)) gradients.set(value, name);
        }
      }
      const out = new Map<string, string>();
      for (const [name, into] of parameters) {
        const found = gradients.get(name);
        if (found !== undefined && found !== into) out.set(name, found);
      }
      return out;
    },
  };
};
