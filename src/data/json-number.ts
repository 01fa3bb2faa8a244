/**
 * Decimal numbers to doubles, to the same bit as JSON.parse. Where the decimal has at most 53 bits and few decimals one
 * division rounds correctly (Clinger, How to read floating point numbers accurately, PLDI 1990, section 3). Up to 23
 * digits the quotient and its remainder say between which doubles the number lies; where rounding is a close call, and for
 * everything else, the answer is NaN and the caller asks the language.
 */

/** Powers of ten that are doubles exactly. */
const POWERS_OF_TEN = Float64Array.from({length: 23}, (_, exponent) => Number(`1e${exponent}`));
const MOST_DECIMALS = POWERS_OF_TEN.length - 1;

/** One more digit than this many and an integer may no longer be a double: 10 * MAX_HEAD + 9 < 2^53. */
export const MAX_HEAD = 900719925474098;
/** Digits behind the head that are still added up exactly. */
export const MOST_TAIL_DIGITS = 8;

/** Relative error of the correction below: an addition and a division round it, 2^-53 each; with room. */
const CORRECTION_ERROR = 2 ** -50;
/** Veltkamp's constant: cuts a double in two halves whose products are exact. */
const SPLIT = 2 ** 27 + 1;

/**
 * (head * 10^tailDigits + tail) / 10^decimals, correctly rounded, or NaN where that takes more arithmetic.
 * @param head an integer below 2^53
 * @param tail an integer of `tailDigits` digits, which may be zeros
 */
export function decimalValue(head: number, tail: number, tailDigits: number, decimals: number): number {
  if (decimals > MOST_DECIMALS || tailDigits > MOST_TAIL_DIGITS) return Number.NaN;
  const divisor = POWERS_OF_TEN[decimals]!;
  if (tailDigits === 0) return head / divisor;
  // The integer as a sum of two doubles: the product head * 10^tailDigits and what its rounding cut off, plus the tail.
  const factor = POWERS_OF_TEN[tailDigits]!;
  const product = head * factor;
  const rest = productError(head, factor, product) + tail;
  const integer = product + rest;
  const low = rest - (integer - product);
  // The true value is quotient + correction: the remainder of a division is a double exactly.
  const quotient = integer / divisor;
  const back = quotient * divisor;
  const remainder = integer - back - productError(quotient, divisor, back);
  const correction = (remainder + low) / divisor;
  const value = quotient + correction * (1 - CORRECTION_ERROR);
  return value === quotient + correction * (1 + CORRECTION_ERROR) ? value : Number.NaN;
}

/** a * b - product, exactly, where product is a * b rounded (Dekker 1971). */
function productError(a: number, b: number, product: number): number {
  const aScaled = SPLIT * a;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = SPLIT * b;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}
