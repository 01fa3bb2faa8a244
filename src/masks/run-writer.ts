/** Run lengths made from the pieces of a mask's foreground. */
import {type Mask, pixelCount} from './mask.js';

/** Takes pieces of foreground in the order of pixels; pieces that touch become one run. */
export class RunWriter {
  private runs = new Uint32Array(256);
  private used = 0;
  /** The pixel after the last piece. */
  private end = 0;

  /** Adds pixels start .. end - 1, which lie behind all that were added before; none where start >= end. */
  add(start: number, end: number): void {
    if (start >= end) return;
    if (start === this.end && this.used > 0) this.runs[this.used - 1]! += end - start;
    else {
      this.push(start - this.end);
      this.push(end - start);
    }
    this.end = end;
  }

  /**
   * The mask, of which no piece may lie outside; the writer is then empty again.
   * @throws MaskError when the size is none.
   */
  take(height: number, width: number): Mask {
    const pixels = pixelCount(height, width);
    if (this.end < pixels || this.used === 0) this.push(pixels - this.end);
    const runs = this.runs.slice(0, this.used);
    this.used = 0;
    this.end = 0;
    return {height, width, runs};
  }

  private push(run: number): void {
    if (this.used === this.runs.length) {
      const larger = new Uint32Array(2 * this.used);
      larger.set(this.runs);
      this.runs = larger;
    }
    this.runs[this.used++] = run;
  }
}
