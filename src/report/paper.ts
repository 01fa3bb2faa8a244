/** The paper's own numbers, as printed: results/paper/table-N.json. */
import {readFile} from 'node:fs/promises';
import {z} from 'zod';
import {UsageError} from '../errors.js';
import {errorCode} from '../files/write-atomic.js';

/** A printed number, or n/a where the paper's run diverged. */
const paperValueSchema = z.union([z.number(), z.literal('n/a')]);

const metricSchema = z.strictObject({
  id: z.string(),
  label: z.string(),
  unit: z.enum(['percent', 'ms', 'MB']),
  /** Decimals that the paper prints. */
  digits: z.int().nonnegative(),
  /** How far a faithful repetition may be off, in the unit; null where that depends on the machine. */
  tolerance: z.number().positive().nullable(),
});

const rowSchema = z.strictObject({
  id: z.string(),
  label: z.string(),
  /** Part of the table that the row stands in. */
  group: z.string().optional(),
  /** What distinguishes the row, as the paper says it. */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** By metric id; a metric that the paper does not give for this row is absent. */
  values: z.record(z.string(), paperValueSchema),
});

/** The paper says that `row` has a larger value than `than`. */
const claimSchema = z.strictObject({
  row: z.string(),
  than: z.string(),
  metric: z.string(),
  /** Where the paper says by how much: the difference as a share of the value of `row`, such as 0.27 for 27 % less time. */
  share: z.number().gt(0).lt(1).optional(),
  text: z.string(),
});

const tableSchema = z.strictObject({
  id: z.string(),
  title: z.string(),
  source: z.string(),
  setting: z.string(),
  metrics: z.array(metricSchema).min(1),
  toleranceReason: z.string(),
  rows: z.array(rowSchema).min(1),
  /** Id of the row that the paper prints the others' gains against. */
  baseline: z.string().optional(),
  claims: z.array(claimSchema),
  notes: z.array(z.string()),
});

export type PaperValue = z.infer<typeof paperValueSchema>;
export type PaperMetric = Readonly<z.infer<typeof metricSchema>>;
export type PaperRow = Readonly<z.infer<typeof rowSchema>>;
export type PaperClaim = Readonly<z.infer<typeof claimSchema>>;
export type PaperTable = Readonly<z.infer<typeof tableSchema>>;

/**
 * Reads results/paper/<id>.json.
 * @param id such as table-3
 * @throws UsageError when the paper has no table of that name here.
 */
export async function readPaperTable(id: string): Promise<PaperTable> {
  const path = new URL(`../../../results/paper/${id}.json`, import.meta.url);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new UsageError(`there are no numbers of the paper for ${id}`);
    throw error;
  }
  return tableSchema.parse(JSON.parse(text));
}
