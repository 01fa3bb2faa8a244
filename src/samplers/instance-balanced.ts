/**
 * Instance-balanced foreground: Pang et al., "Libra R-CNN", CVPR 2019, Sec. 3.1, as mmdetection has it. Every object
 * gives about as many foreground examples as any other, however many it has.
 */
import type {Random} from '../random/random.js';
import {draw} from './examples.js';

export type InstanceBalanced = {
  readonly count: number;
  /** The object of a foreground example. */
  readonly matches: Int32Array; // [A]
  readonly random: Random;
  /**
   * What is missing after every object gave its share is drawn among the examples that are left, or among all, where a
   * repeated one counts once: mmdetection intends the former and does the latter, since Python's sets tell tensors
   * apart by identity.
   */
  readonly topUpFrom: 'left' | 'all';
};

/**
 * `count` of the foreground examples, or all where there are no more. Of every object round(count / objects) + 1 are
 * drawn (half to even), or all it has; then what is missing is drawn at random, or as many as asked are drawn of these.
 *
 * @param foreground positions, rising
 * @returns positions, each once; fewer than `count` only where topping up from all repeats some
 */
export function instanceBalanced(
  foreground: Int32Array,
  {count, matches, random, topUpFrom}: InstanceBalanced,
): Int32Array {
  if (foreground.length <= count) return foreground;
  const ofObject = new Map<number, number[]>();
  for (const i of foreground) {
    const examples = ofObject.get(matches[i]!);
    if (examples === undefined) ofObject.set(matches[i]!, [i]);
    else examples.push(i);
  }
  const share = roundHalfToEven(count / ofObject.size) + 1;
  const objects = [...ofObject.keys()].sort((a, b) => a - b);
  const shares = Int32Array.from(
    objects.flatMap(object => [...draw(Int32Array.from(ofObject.get(object)!), share, random)]),
  );
  if (shares.length >= count) return shares.length === count ? shares : draw(shares, count, random);
  const chosen = new Set(shares);
  const pool = topUpFrom === 'left' ? foreground.filter(i => !chosen.has(i)) : foreground;
  for (const i of draw(pool, count - shares.length, random)) chosen.add(i);
  return Int32Array.from(chosen);
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return x % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
