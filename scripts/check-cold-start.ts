/**
 * Has the built-in planner learnt a preference that the random valid planner it imitates does not have? Both solve the
 * same tasks of training pages; shares of tools and of pairs of tools are compared, and accuracies.
 *
 *   npm run check:cold-start [-- --model agentflow-tiny --n 2160]
 *
 * The last line is one JSON object. Exit code 1 when a bar does not hold.
 */
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import { compareWithScript } from "./checks/cold-start-comparison.ts";

const { values } = parseArgs({
  options: { model: { type: "string", default: "agentflow-tiny" }, n: { type: "string", default: "2160" } },
});
const environment = await openAlmanac("cold start check");
const engine = await openEngine(values.model);
const { n, scripted, imitation, totalVariation } = await compareWithScript({
  environment,
  policy: engine.policy("planner"),
  tasks: Number(values.n),
  seed: 2,
});
await engine.dispose();

const percent = (share: number): string => (100 * share).toFixed(1).padStart(5);
const range = ([low, high]: readonly [number, number]): string => `[${percent(low)},${percent(high)} ]`;
for (const [name, { accuracy, interval, averageTurns }] of Object.entries({ scripted, imitation })) {
  console.log(`${name.padEnd(10)} accuracy ${percent(accuracy)} ${range(interval)}  turns ${averageTurns.toFixed(2)}`);
}
console.log(`${"".padEnd(36)}scripted imitation`);
for (const shares of ["tools", "bigrams"] as const) {
  const names = new Set([...Object.keys(scripted[shares]), ...Object.keys(imitation[shares])]);
  for (const name of [...names].sort()) {
    console.log(
      `${name.padEnd(38)}${percent(scripted[shares][name] ?? 0)}     ${percent(imitation[shares][name] ?? 0)}`,
    );
  }
}
const bars = {
  "accuracies' 95 % intervals overlap":
    scripted.interval[0] <= imitation.interval[1] && imitation.interval[0] <= scripted.interval[1],
  "shares of tools differ by ≤ 5 % (total variation)": totalVariation.tools <= 0.05,
  "shares of pairs differ by ≤ 10 % (total variation)": totalVariation.bigrams <= 0.1,
};
const failed = Object.values(bars).filter((holds) => !holds).length;
console.log(JSON.stringify({ check: "cold-start", n, failed, bars, totalVariation }));
process.exitCode = failed === 0 ? 0 : 1;
