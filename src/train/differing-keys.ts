/** How two configs differ, for the message that refuses to mix them. */

/** Dotted keys whose values differ, or that only one of the two has, sorted. A list is one value. */
export function differingKeys(a: unknown, b: unknown): readonly string[] {
  const left = new Map(leaves(a));
  const right = new Map(leaves(b));
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].filter(key => left.get(key) !== right.get(key)).sort();
}

function* leaves(value: unknown, prefix = ''): Generator<[key: string, json: string]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    yield [prefix, JSON.stringify(value)];
    return;
  }
  for (const [key, part] of Object.entries(value)) {
    // An optional key that is set to undefined is absent, as it is after a round trip through JSON.
    if (part !== undefined) yield* leaves(part, prefix === '' ? key : `${prefix}.${key}`);
  }
}
