import type { Analysis } from "../../trajectory.ts";
import { findEntities } from "./entities.ts";
import { unitOf } from "./units.ts";

/** Longest question that is read, in characters; what follows is left out of the template. */
export const QUESTION_LENGTH = 2000;
const ENTITY_LIMIT = 12;

/** What rules read from a question. Pure, never throws, bounded. */
export const analyse = (question: string): Analysis => {
  const text = question.slice(0, QUESTION_LENGTH);
  const entities: string[] = [];
  let template = "";
  let end = 0;
  for (const span of findEntities(text)) {
    let number = entities.indexOf(span.text);
    if (number < 0) {
      if (entities.length === ENTITY_LIMIT) break;
      number = entities.push(span.text) - 1;
    }
    template += `${text.slice(end, span.start)}q${number + 1}`;
    end = span.end;
  }
  template = (template + text.slice(end)).replace(/\s+/gu, " ").trim();
  const unit = unitOf(template);
  return unit === undefined ? { entities, template } : { entities, unit, template };
};
