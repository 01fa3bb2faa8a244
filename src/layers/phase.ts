/** Whether a model trains or detects at the moment, for layers that compute differently in the two. */

/** Belongs to one model; its detector says when it trains, and whatever else it computes is detection. */
export class Phase {
  private trains = false;

  get isTraining(): boolean {
    return this.trains;
  }

  /** `compute`, during which the model trains. It must be synchronous: what it returns is computed when it returns. */
  training<Arguments extends readonly unknown[], Result>(
    compute: (...values: Arguments) => Result,
  ): (...values: Arguments) => Result {
    return (...values) => {
      const before = this.trains;
      this.trains = true;
      try {
        return compute(...values);
      } finally {
        this.trains = before;
      }
    };
  }
}
