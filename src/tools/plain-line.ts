/** What an outsider wrote, in one bounded line without characters that are not seen. */
export const plainLine = (text: string, most: number): string => {
  const line = text
    .slice(0, 4 * most)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\s]+/gu, " ")
    .trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
};
