import type { ChatMessage } from "../../src/model.ts";

/** What the model is asked to continue: a text, or a conversation in its own chat template. */
export type Prompt = string | readonly ChatMessage[];

const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });

/** About 300 tokens of plain English that repeats nothing. */
const LONG =
  "The harbour town had three clocks, and none of them agreed. The oldest hung above the fish market and ran slow in " +
  "winter, when the oil in its works grew thick. The second belonged to the school, where the children had learned to " +
  "move its hands whenever the lesson dragged. The third was the railway clock, which was right twice a day by design " +
  "and at all other times by accident. Strangers found this confusing, but the people who lived there had long since " +
  "stopped asking what time it was and asked instead how much of the day was left. A baker would say that there were " +
  "two loaves of morning yet to go; a ferryman counted in crossings, six before dusk in June and barely two around " +
  "Christmas. When the new mayor arrived from the capital, she announced that a single clock would be built in the " +
  "square, connected by cable to an observatory four hundred kilometres away. Money was found, stone was cut, and an " +
  "engineer with very clean gloves came to supervise. On the day of the unveiling a storm took down the cable. The " +
  "engineer wound the clock by hand and set it, after some hesitation, by the fish market. Everyone applauded. From " +
  "that evening on there were four clocks in the town, and, as the ferryman pointed out while he untied his boat, the " +
  "average of them was now slightly better than before. The mayor, who was not without humour, wrote to the capital " +
  "that";

/** Twenty prompts: English, code, numbers, other scripts, chats, and long ones. */
export const PROMPTS: readonly Prompt[] = [
  "The quick brown fox jumps over the lazy dog",
  "The capital of France is",
  "In 1969, the first human beings to walk on the Moon were",
  "Water boils at 100 degrees Celsius because",
  'def fibonacci(n):\n    """Return the n-th Fibonacci number."""\n',
  "export const sum = (values: readonly number[]): number =>",
  "SELECT name, COUNT(*) FROM orders WHERE price >= 12.50 GROUP BY",
  '{"name": "Ada", "born": 1815, "languages": ["English", "French"], "children":',
  "1, 1, 2, 3, 5, 8, 13, 21, 34,",
  "17 * 23 = 391\n12 * 12 = 144\n3.14159 * 2 = 6.28318\n1/2 + ½ =",
  "Die Würde des Menschen ist unantastbar. Sie zu achten und zu schützen ist",
  "Москва — столица России, а Париж —",
  "東京は日本の首都であり、",
  "السلام عليكم ورحمة الله",
  "Emoji: 🙂🚀👩‍👩‍👧 and\ttabs,   spaces,\r\nline ends — “quotes” …",
  [user("What is the capital of Italy? Answer in one word.")],
  [
    { role: "system", content: "You are a terse assistant that answers with numbers only." },
    user("How many legs does a spider have?"),
    assistant("8"),
    user("And an ant?"),
  ],
  [user(`Summarise this story in one sentence.\n\n${LONG} no clock is ever wrong alone.`)],
  LONG,
  `${"Roses are red, violets are blue, 12 + 30 = 42, and so are you.\n".repeat(14)}Roses`,
];
