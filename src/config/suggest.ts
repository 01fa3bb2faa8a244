/** The valid name that a mistyped one most likely meant. */

/**
 * Fewest insertions, deletions, substitutions and swaps of neighbouring characters that turn `a` into `b`
 * (Damerau 1964; the optimal-string-alignment form, which never edits a swapped pair again).
 */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({length: b.length + 1}, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substitution, (previous[j] as number) + 1, (current[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforePrevious[j - 2] as number) + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] as number;
}

/**
 * The candidate nearest to `name`, case aside, or undefined when none is near: at most one edit for every three
 * characters begun, so that `al` finds `all` and `sgd` does not find `all`. Ties go to the first.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  // A mistyped name is short; this bounds the work on hostile input.
  const wanted = name.slice(0, 100).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.ceil(wanted.length / 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The end of an error message that has named what is valid: `; did you mean all?`, or nothing when none is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** The end of an error message that has not: the nearest name, or else all valid ones. */
export function suggestion(name: string, candidates: readonly string[]): string {
  const near = didYouMean(name, candidates);
  return near !== '' || candidates.length === 0 ? near : `; valid: ${candidates.join(', ')}`;
}
