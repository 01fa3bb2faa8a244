/** Numbers of a file's records, appended one by one. */
const BLOCK_LENGTH = 1 << 14;

export class Column {
  // In blocks: what is there is never moved to grow.
  private readonly full: Float64Array[] = [];
  private block = new Float64Array(BLOCK_LENGTH);
  private used = 0;

  get length(): number {
    return this.full.length * BLOCK_LENGTH + this.used;
  }

  push(value: number): void {
    if (this.used === BLOCK_LENGTH) {
      this.full.push(this.block);
      this.block = new Float64Array(BLOCK_LENGTH);
      this.used = 0;
    }
    this.block[this.used++] = value;
  }

  /** All of them, in memory that worker threads see without a copy. */
  take(): Float64Array {
    const taken = new Float64Array(new SharedArrayBuffer(8 * this.length));
    this.full.forEach((block, i) => {
      taken.set(block, i * BLOCK_LENGTH);
    });
    taken.set(this.block.subarray(0, this.used), this.full.length * BLOCK_LENGTH);
    return taken;
  }
}
