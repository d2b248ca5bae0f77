/** A share for people, with at most so many digits after the point: 0.4213 with 1 digit is `42.1 %`. */
export function percentTo(ratio: number, digits: number): string {
  return `${Number((ratio * 100).toFixed(digits))} %`;
}
