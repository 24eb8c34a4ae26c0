import { describe, expect, test } from "vitest";
import { chatTemplates } from "../../../../test/fixtures/chat-templates.ts";
import { ModelError } from "../../../errors.ts";
import type { ChatMessage } from "../../../model.ts";
import { chatTemplate } from "./chat-template.ts";

const messages: readonly ChatMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Hi" },
  { role: "assistant", content: "Hello" },
  { role: "user", content: "Bye" },
];
const tokens = { bos_token: "<bos>", eos_token: "<eos>" };

const rendered = async (name: keyof typeof chatTemplates, of = messages): Promise<string> =>
  (await chatTemplate(chatTemplates[name], tokens)).render(of, { addGenerationPrompt: true });

describe("a chat template", () => {
  test("of ChatML", async () => {
    expect(await rendered("chatMl")).toBe(
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n" +
        "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(await rendered("chatMl", messages.slice(1, 2))).toMatch(/^<\|im_start\|>system\nYou are a helpful/u);
  });

  test("of Llama 3, with a date that stands still or comes from a clock", async () => {
    expect(await rendered("llama3")).toMatch(
      /^<bos><\|start_header_id\|>system<\|end_header_id\|>\n\nToday Date: 26 Jul 2024\n\nBe brief\.<\|eot_id\|>/u,
    );
    const later = await chatTemplate(chatTemplates.llama3, tokens, { now: () => Date.UTC(2031, 0, 2) });
    expect(await later.render(messages)).toContain("Today Date: 02 Jan 2031\n");
  });

  test("of Qwen 3: thinking is switched off where it can be", async () => {
    const text = await rendered("qwen3");
    expect(text.endsWith("<|im_start|>assistant\n<think>\n\n</think>\n\n")).toBe(true);
    expect(text).toContain("<|im_start|>assistant\nHello<|im_end|>");
  });

  test("without a system role gets its text in front of the first user message", async () => {
    expect(await rendered("gemma")).toBe(
      "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello<end_of_turn>\n" +
        "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
    );
    const deaf = "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }};{% endif %}{% endfor %}";
    expect(await (await chatTemplate(deaf)).render(messages)).toBe("Be brief.\n\nHi;Hello;Bye;");
  });

  test("refuses in its own words, as a ModelError", async () => {
    const template = await chatTemplate(chatTemplates.gemma, tokens);
    const twice = () => template.render([messages[1], messages[1]].flatMap((one) => one ?? []));
    await expect(twice()).rejects.toThrow(ModelError);
    await expect(twice()).rejects.toThrow(
      /refuses this conversation \(user, user\): Conversation roles must alternate/u,
    );
    await expect(chatTemplate("{% if %}")).rejects.toThrow(ModelError);
  });

  test("has JSON, ranges and no tools", async () => {
    const source =
      "{% if not tools is defined %}none {% endif %}{{ messages[0] | tojson }} {% for i in range(1, 6, 2) %}{{ i }}{% endfor %}";
    const { render } = await chatTemplate(source);
    expect(await render(messages.slice(1, 2))).toBe('none {"role": "user", "content": "Hi"} 135');
  });
});
