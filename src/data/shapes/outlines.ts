/** The eight classes of the generated scenes, as outlines about the origin that fill a square of side 1. */

/** A closed polygon [x0, y0, x1, y1, ...], y pointing down; what is inside follows the even-odd rule. */
export type Polygon = readonly number[];

export const SHAPE_NAMES = [
  'circle',
  'square',
  'triangle',
  'star',
  'cross',
  'ring',
  'crescent',
  'arrow',
] as const;

export type ShapeName = (typeof SHAPE_NAMES)[number];

const TURN = 2 * Math.PI;
/** Vertices of a full circle: the outline stays within 0.1 % of the radius. */
const ARC_VERTICES = 64;

/** Outline of a shape, its bounding box centred at the origin with a longer side of about 1. */
export function shapeOutline(name: ShapeName): Polygon {
  switch (name) {
    case 'circle':
      return arc(0.5, 0, TURN, ARC_VERTICES);
    case 'square':
      return [-0.45, -0.45, 0.45, -0.45, 0.45, 0.45, -0.45, 0.45];
    case 'triangle':
      return [0, -0.48, 0.54, 0.46, -0.54, 0.46];
    case 'star':
      return star(5, 0.55, 0.23);
    case 'cross':
      return cross(0.5, 0.17);
    case 'ring':
      return ring(0.5, 0.29);
    case 'crescent':
      return crescent(0.5, 0.42, 0.26);
    case 'arrow':
      return [-0.5, -0.15, 0.02, -0.15, 0.02, -0.42, 0.54, 0, 0.02, 0.42, 0.02, 0.15, -0.5, 0.15];
  }
}

/** Points on a circle about (centreX, 0), from one angle towards another, the last one left out. */
function arc(radius: number, from: number, to: number, vertices: number, centreX = 0): number[] {
  const points: number[] = [];
  for (let i = 0; i < vertices; i++) {
    const angle = from + ((to - from) * i) / vertices;
    points.push(centreX + radius * Math.cos(angle), radius * Math.sin(angle));
  }
  return points;
}

function star(tips: number, outer: number, inner: number): Polygon {
  return Array.from({length: 2 * tips}, (_, i) => {
    const radius = i % 2 === 0 ? outer : inner;
    const angle = (TURN * i) / (2 * tips) - TURN / 4;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  }).flat();
}

function cross(reach: number, half: number): Polygon {
  const [r, h] = [reach, half];
  return [-h, -r, h, -r, h, -h, r, -h, r, h, h, h, h, r, -h, r, -h, h, -r, h, -r, -h, -h, -h];
}

/** One polygon for a shape with a hole: outer circle, a seam of no width, inner circle the other way round. */
function ring(outer: number, inner: number): Polygon {
  return [
    ...arc(outer, 0, TURN, ARC_VERTICES),
    ...[outer, 0, inner, 0],
    ...arc(inner, TURN, 0, ARC_VERTICES).slice(2),
    ...[inner, 0],
  ];
}

/** A disc less a smaller disc that is moved to the right; `bite` is the radius of the latter, `offset` its centre. */
function crescent(outer: number, bite: number, offset: number): Polygon {
  const meetX = (outer * outer - bite * bite + offset * offset) / (2 * offset);
  const meetY = Math.sqrt(outer * outer - meetX * meetX);
  const outerAngle = Math.atan2(meetY, meetX);
  const biteAngle = Math.atan2(meetY, meetX - offset);
  // The horns end at meetX; half of what they lack of the full circle centres the box.
  const shift = (outer - meetX) / 2;
  const points = [
    ...arc(outer, outerAngle, TURN - outerAngle, ARC_VERTICES),
    ...arc(bite, TURN - biteAngle, biteAngle, ARC_VERTICES, offset),
  ];
  return points.map((value, i) => (i % 2 === 0 ? value + shift : value));
}
