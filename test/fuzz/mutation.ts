/** A mutation makes a wrong input out of a valid one; all its choices come from a seeded generator. */
import type {Random} from '../../src/random/random.js';

/** May change its argument; returns what to go on with. */
export type Mutation<T> = (value: T, random: Random) => T;

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.int(items.length)] as T;
}

/** One of `mutations`, by name. */
export function pickMutation<T>(
  random: Random,
  mutations: Readonly<Record<string, Mutation<T>>>,
): readonly [name: string, mutation: Mutation<T>] {
  return pick(random, Object.entries(mutations));
}
