import type { Tokenizer } from "./engine.ts";

/**
 * A text from outside (a question, a page, a reply) for use in a prompt: what a tokenizer would read as a token of its
 * own, such as the one that ends a message, is broken up by a space. Nothing that is quoted can then pose as a turn.
 */
export const plainText = (tokenizer: Pick<Tokenizer, "idOf">, text: string): string =>
  text.replace(/<[^<>\s]{1,64}>|\[\/?[A-Z_@]{1,32}\]/gu, (token) =>
    tokenizer.idOf(token) === undefined ? token : `${token.slice(0, 1)} ${token.slice(1)}`,
  );
