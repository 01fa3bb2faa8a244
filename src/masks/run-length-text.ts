/**
 * COCO's compressed `counts`: run lengths as text. From the fourth run on the difference to the run two before is
 * kept; numbers are cut into groups of five bits, lowest first, each a character from "0" (48) to "o" (111): five bits
 * of the number, a sixth that says that more follow. The highest bit of the last group is the sign.
 */
import {checkRunTotal, type Mask, MaskError, pixelCount} from './mask.js';

const FIRST = 48;
const LAST = 111;
const MORE = 0x20;
const SIGN = 0x10;
const BITS = 0x1f;
/** Seven groups hold every difference of two runs; the seventh has bits 30 to 34. */
const MOST_CHARACTERS = 7;
const TOP_SHIFT = 30;

/**
 * The mask that `text` says, of which nothing is trusted. Memory is four bytes for a run, so at most four for a
 * character, whatever size is claimed. Runs of length 0 are taken as pycocotools takes them. It takes these too, which
 * are errors here: characters that are not in the alphabet, a last number without end, negative runs, numbers that do
 * not fit in 32 bits, and runs that do not fill the image.
 * @throws MaskError that says what is wrong with the text.
 */
export function parseRunLengths(text: string, height: number, width: number): Mask {
  const pixels = pixelCount(height, width);
  const runs = new Uint32Array(countRuns(text));
  let at = 0;
  let total = 0;
  for (let i = 0; i < runs.length; i++) {
    let value = 0;
    let shift = 0;
    let group = text.charCodeAt(at++) - FIRST;
    while (group & MORE) {
      value |= (group & BITS) << shift;
      shift += 5;
      if (shift > TOP_SHIFT) {
        throw new MaskError(`run ${i} of the compressed counts has more than ${MOST_CHARACTERS} characters`);
      }
      group = text.charCodeAt(at++) - FIRST;
    }
    // Of bits 30 to 34 those above 31 must repeat it, or the number has no 32 bits.
    if (shift === TOP_SHIFT && group > 1 && group < 30) {
      throw new MaskError(`run ${i} of the compressed counts does not fit in 32 bits`);
    }
    value |= group << shift;
    if (group & SIGN && shift < TOP_SHIFT) value |= -1 << (shift + 5);
    const run = i > 2 ? runs[i - 2]! + value : value;
    if (run < 0) throw new MaskError(`run ${i} of the compressed counts is ${run}: lengths are not negative`);
    total += run;
    if (total > pixels) break;
    runs[i] = run;
  }
  checkRunTotal(total, height, width);
  return {height, width, runs};
}

/** Numbers in the text. @throws MaskError when a character is not of the alphabet, or the last number has no end. */
function countRuns(text: string): number {
  let runs = 0;
  let code = FIRST;
  for (let at = 0; at < text.length; at++) {
    code = text.charCodeAt(at);
    if (code < FIRST || code > LAST) {
      throw new MaskError(
        `character ${at} of the compressed counts is ${JSON.stringify(text[at])}: they are made of "0" to "o"`,
      );
    }
    if (((code - FIRST) & MORE) === 0) runs++;
  }
  if ((code - FIRST) & MORE) throw new MaskError('the compressed counts end within a number: cut off?');
  return runs;
}

/** COCO's compressed counts of the mask, character by character as pycocotools writes them. */
export function formatRunLengths({runs}: Mask): string {
  const characters = Buffer.allocUnsafe(MOST_CHARACTERS * runs.length);
  let length = 0;
  for (let i = 0; i < runs.length; i++) {
    let value = i > 2 ? runs[i]! - runs[i - 2]! : runs[i]!;
    let more = true;
    while (more) {
      const bits = value & BITS;
      value >>= 5;
      more = value !== (bits & SIGN ? -1 : 0);
      characters[length++] = FIRST + (more ? bits | MORE : bits);
    }
  }
  return characters.toString('latin1', 0, length);
}
