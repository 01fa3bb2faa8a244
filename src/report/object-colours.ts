/** Colours of drawn objects: one a class, or, where all are of one class, one an object. */

/** Distinct hues of like lightness, seen on dark and on light images; dark letters can be read on them. */
const COLOURS = [
  '#f14445',
  '#388cf0',
  '#4cc157',
  '#f68c36',
  '#9b61ea',
  '#3aced6',
  '#f061ba',
  '#eab532',
  '#8fb51f',
] as const;

/** @param cls 1..C */
export function classColour(cls: number): string {
  return COLOURS[(cls - 1) % COLOURS.length]!;
}

export type Point = readonly [x: number, y: number];

/** A colour for each object such that those of the same colour are far apart. @param centres of the objects, in any unit */
export function objectColours(centres: readonly Point[]): readonly string[] {
  const ofColours: Point[][] = COLOURS.map(() => []);
  return centres.map(centre => {
    const distances = ofColours.map(others =>
      others.reduce((least, [x, y]) => Math.min(least, Math.hypot(x - centre[0], y - centre[1])), Infinity),
    );
    const chosen = distances.indexOf(Math.max(...distances));
    ofColours[chosen]!.push(centre);
    return COLOURS[chosen]!;
  });
}
