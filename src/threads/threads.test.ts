import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, ModelError, ToolError } from "../errors.ts";
import { threadsOf } from "./threads.ts";

const template = "engines/onnx/text/template-thread";
const threads = threadsOf(template, { most: 1, megabytes: 128 });
afterAll(() => threads.close());

const limits = { what: "The template", seconds: 20 };
const call = (source: string, more: object = {}): Promise<string> =>
  threads.run(
    "render",
    {
      source,
      tokens: {},
      now: 0,
      takesSystem: true,
      messages: [{ role: "user", content: "Hi" }],
      addGenerationPrompt: false,
    },
    { ...limits, ...more },
  );
const endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";

describe("threads", () => {
  it("run a function of a module and give what it returns", async () => {
    expect(await call("{{ messages[0].content }}!")).toBe("Hi!");
  });

  it("give the error that it threw, by its class", async () => {
    await expect(call("{{ raise_exception('no') }}")).rejects.toThrow(ModelError);
    await expect(call("{{ raise_exception('no') }}")).rejects.toThrow(/refuses this conversation \(user\): no/u);
  });

  it("are ended at the deadline, and the next call gets a new one", async () => {
    await expect(call(endless, { seconds: 0.2 })).rejects.toThrow(
      new ToolError("The template took longer than 0.2 seconds to read."),
    );
    expect(await call("again")).toBe("again");
  });

  it("are ended by an abort, whose reason is thrown, while others wait for their turn", async () => {
    const stop = new AbortController();
    const first = call(endless, { abortSignal: stop.signal });
    const second = call("second");
    setTimeout(() => stop.abort(new Error("enough")), 50);
    await expect(first).rejects.toThrow("enough");
    expect(await second).toBe("second");
    await expect(call("late", { abortSignal: stop.signal })).rejects.toThrow("enough");
  });

  it("take no more memory than they may, in the heap or outside of it", async () => {
    const grows = `{% set a = namespace(t=[1]) %}{% for i in range(99) %}{% set a.t = a.t + a.t %}{% endfor %}`;
    await expect(call(grows)).rejects.toThrow(/takes more than 128 MB to read|cannot be read/u);
    expect(await call("again")).toBe("again");
  });

  it("say what module there is none of", async () => {
    await expect(threadsOf("no/such-thread").run("x", 1, limits)).rejects.toThrow(ConfigError);
  });
});
