/** A share times a hundred, never −0. */
export const hundredths = (share: number, digits = 0): string =>
  (Number((share * 100).toFixed(digits)) + 0).toFixed(digits).replace("-", "−");

/** A share in percent: `7 %`, `7.3 %`. */
export const percentOf = (share: number, digits = 0): string => `${hundredths(share, digits)} %`;
