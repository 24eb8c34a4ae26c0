/**
 * What reasoning models write around their thoughts. Opening tags are the first group; whatever channel is not the final
 * one is not for the reader.
 */
const TAG =
  /(<\|?(?:[a-z]{1,12}:|begin_of_|start_of_)?(?:think(?:ing)?|thoughts?|reasoning|reflection|scratchpad)(?: [^<>]{0,80})?\|?>|◁think▷|\[THINK\]|<unused94>|<\|channel\|?> ?(?:analysis|commentary|thought)[^<]{0,80}(?:<\|message\|>)?)|<\|?(?:\/(?:[a-z]{1,12}:)?|end_of_)(?:think(?:ing)?|thoughts?|reasoning|reflection|scratchpad) ?\|?>|◁\/think▷|\[\/THINK\]|<unused95>|(?:<\|start\|>\w{0,16})?<\|channel\|> ?final[^<]{0,40}<\|message\|>|<channel\|>/i;
/** What a text with thoughts in it holds at least: most have none, and are not looked at twice. */
const SIGN = /think|thought|reasoning|reflection|scratchpad|channel|<unused9|assistantfinal/i;
/** No tag is longer, in characters. */
const LONGEST_TAG = 220;
/** Tags between two of these are spoken of. */
const QUOTE = /["'`]/;
/** What may be the beginning of a tag. */
const BEGINNING = /<(?:[|/a-z]|$)|◁|\[(?:\/?T|\/?$)/i;

/** A text that comes in parts, freed of the thoughts in it: each call gives what may be shown by then. */
export interface ThoughtReader {
  push(part: string): string;
  end(): string;
  /** All that is no thought, once it has ended. */
  readonly text: string;
  /** Whether there were thoughts. */
  readonly thought: boolean;
}

/**
 * Reads thoughts in tags (`<think>`, `[THINK]`, channels), closed or not. What stands before a closing tag without an
 * opening one is a thought too: the opening one stood in the prompt. Each character is looked at a few times at most.
 */
export const thoughtReader = (): ThoughtReader => {
  let text = "";
  /** Its end: looking at all of it again and again would take long. */
  let recent = "";
  let held = "";
  let thought = false;
  /** The thought that is open: its tag and what came since, which is given back where it was no thought after all. */
  let open: { readonly own: boolean; said: string } | undefined;

  const say = (said: string): string => {
    const shown = thought && text === "" ? said.trimStart() : said;
    text += shown;
    recent = (recent + shown.slice(-80)).slice(-80);
    return shown;
  };
  const step = (ending: boolean): string | undefined => {
    const found = TAG.exec(held);
    if (found === null) return undefined;
    const before = held.slice(0, found.index);
    const quote = (recent + before.slice(-1)).slice(-1);
    const next = held[found.index + found[0].length];
    const isQuoted = open === undefined && QUOTE.test(quote) && (next === quote || next === undefined);
    // The other quotation mark may come with the next part.
    if (isQuoted && next === undefined && !ending) return undefined;
    held = held.slice(found.index + found[0].length);
    if (open !== undefined) {
      if (found[1] !== undefined) open.said += before + found[0];
      else open = undefined;
      thought ||= open === undefined;
      return "";
    }
    if (isQuoted && next === quote) return say(before + found[0]);
    if (found[1] === undefined) {
      text = "";
      recent = "";
      thought = true;
      return "";
    }
    const shown = say(before);
    open = { own: /(?:^|\n)[ \t]*$/.test(recent), said: found[0] };
    return shown;
  };

  const steps = (ending: boolean): string => {
    let shown = "";
    for (let said = step(ending); said !== undefined; said = step(ending)) shown += said;
    return shown;
  };

  return {
    get text() {
      return text;
    },
    get thought() {
      return thought;
    },
    push: (part) => {
      if (held === "" && open === undefined && !/[<[◁]/.test(part)) return say(part);
      held += part;
      const shown = steps(false);
      const tail = held.slice(-LONGEST_TAG);
      const begins = open === undefined ? tail.search(BEGINNING) : 0;
      const keep = begins < 0 ? 0 : tail.length - begins;
      const passed = held.slice(0, held.length - keep);
      held = keep === 0 ? "" : tail.slice(begins);
      if (open === undefined) return shown + say(passed);
      open.said += passed;
      return shown;
    },
    end: () => {
      const shown = steps(true);
      const left = open === undefined ? held : open.said + held;
      const isThought = open?.own === true;
      held = "";
      open = undefined;
      if (!isThought) return shown + say(left);
      thought = true;
      return shown;
    },
  };
};

/**
 * A reply without the thoughts in it, and without the marks by which a model ends: what is left is for the reader.
 * `thought` says whether there were thoughts.
 */
export const withoutThoughts = (reply: string): { readonly text: string; readonly thought: boolean } => {
  if (!SIGN.test(reply)) return { text: unmarked(reply), thought: false };
  // Channels whose marks the server has dropped.
  const final = /^\s*analysis/.test(reply) ? reply.lastIndexOf("assistantfinal") : -1;
  if (final >= 0) return { text: unmarked(reply.slice(final + "assistantfinal".length)), thought: true };
  const reader = thoughtReader();
  reader.push(reply);
  reader.end();
  return { text: unmarked(reader.text), thought: reader.thought };
};

/** Without the marks of a chat template at its end. */
const unmarked = (text: string): string => {
  if (!text.includes("<")) return text;
  const trimmed = text.trimEnd();
  const at = trimmed.lastIndexOf("<");
  const isMark = at >= 0 && /^<(?:\|[a-z_]{2,24}\||\/s|end_of_turn)>$/.test(trimmed.slice(at, at + 32));
  return isMark && trimmed.length - at <= 32 ? unmarked(trimmed.slice(0, at)) : text;
};
