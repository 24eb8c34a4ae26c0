/** What a reply is streamed as. */
export type ReplyPart = "answer" | "solution";

/** Characters after which it is clear whether a reply begins with its answer or with a label, a mark or a fence. */
const BEGINNING = 24;
const LABEL = /^(?:(?:the|my|final|short)\s+)*(?:answer|solution|result)\b/iu;
const TAG = "<answer>";

/**
 * Tells parts of a generator's reply while it is written: of a solution all that stands before its answer, of an answer
 * its first line, where that is sure to be one. The flow passes on the rest at the end.
 */
export const answerStream = (
  solution: boolean,
  tell: (delta: string, part: ReplyPart) => void,
): ((delta: string) => void) => {
  const part: ReplyPart = solution ? "solution" : "answer";
  let held = "";
  let begun = false;
  let ended = false;
  return (delta) => {
    if (ended) return;
    held += delta;
    if (!begun) {
      held = held.trimStart();
      if (held.length < BEGINNING) return;
      if (solution) held = held.replace(/^solution\s*:\s*/iu, "");
      else if (LABEL.test(held) || !/^[\p{L}\p{N}]/u.test(held)) ended = true;
      begun = true;
    }
    if (ended) return;
    const end = solution ? held.toLowerCase().indexOf(TAG) : held.indexOf("\n");
    ended = end >= 0;
    // White space may be the last, and a tag may have begun.
    const sure = ended ? held.slice(0, end).trimEnd() : held.slice(0, solution ? held.length - TAG.length : undefined);
    const told = ended ? sure : sure.trimEnd();
    held = held.slice(told.length);
    if (told !== "") tell(told, part);
  };
};
