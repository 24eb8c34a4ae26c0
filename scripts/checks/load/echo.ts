/** What the double of `check:load` samples after a prompt: a function of the prompt alone. */
export const echoOf = (prompt: readonly number[]): number[] => {
  const sum = prompt.reduce((all, id) => (all * 31 + id) % 65_521, prompt.length);
  return [sum % 97, sum % 89, sum % 83, sum % 79, sum % 73, sum % 71, sum % 67, sum % 61];
};

/** What the servers of `check:load` call their model. */
export const MODEL = "load";
