/** What pycocotools gives for 76 masks and for pairs of them: masks.json of the evaluation reference. */
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

export type ExpectedMask = {
  readonly size: readonly [height: number, width: number];
  readonly counts: string;
  readonly runs: readonly number[];
  readonly area: number;
  readonly bbox: readonly number[];
  readonly maskSha256: string;
};

type Sized = {readonly h: number; readonly w: number};
type RunLengths = {readonly size: readonly number[]; readonly counts: readonly number[]};

export type ReferenceItem = Sized & {readonly id: number; readonly note?: string} & (
    | {readonly kind: 'polygon' | 'polygons' | 'boxes'; readonly input: readonly (readonly number[])[]}
    | {readonly kind: 'rle'; readonly input: RunLengths}
  ) & {
    readonly partCounts?: readonly string[];
    readonly expected: ExpectedMask & {readonly reencoded: string};
  };

type Overlaps<T> = {
  readonly dt: readonly T[];
  readonly gt: readonly T[];
  readonly iscrowd: readonly number[];
  /** [D][G]: no crowds, those of `iscrowd`, all. */
  readonly notCrowd: readonly (readonly number[])[];
  readonly withCrowd: readonly (readonly number[])[];
};

type SizedText = {readonly size: readonly [height: number, width: number]; readonly counts: string};

export type MaskReference = {
  readonly items: readonly ReferenceItem[];
  readonly zeroRuns: readonly (Sized & {readonly input: RunLengths; readonly expected: ExpectedMask})[];
  readonly rleIou: Overlaps<string> & {
    readonly size: readonly [height: number, width: number];
    readonly allCrowd: readonly (readonly number[])[];
  };
  readonly sizeMismatch: {
    readonly a: SizedText;
    readonly b: SizedText;
    readonly iou: readonly (readonly number[])[];
    readonly merge: SizedText;
  };
  readonly merge: readonly (SizedText & {
    readonly inputs: readonly string[];
    readonly intersect: 0 | 1;
    readonly area: number;
    readonly bbox: readonly number[];
  })[];
  readonly boxIou: Overlaps<readonly number[]>;
};

const path = join(process.env.SF_TEST_DATA ?? '', '../eval-reference/public/masks.json');

/** Undefined where there is no evaluation reference. */
export const maskReference: MaskReference | undefined =
  process.env.SF_TEST_DATA !== undefined && existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as MaskReference)
    : undefined;
