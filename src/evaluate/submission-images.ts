/** Which images and categories COCO's test server knows: image_info_test-dev2017.json has them, and no annotations. */
import {JsonRecord} from '../data/json-record.js';
import {streamJson} from '../data/json-stream.js';
import {RunError} from '../errors.js';

export type SubmissionImages = {
  /** The file, for messages. */
  readonly file: string;
  /** Position of every image by its id. */
  readonly ids: ReadonlyMap<number, number>;
  /** Pixels of the images by position; 0 where the file does not say. */
  readonly heights: Uint32Array; // [I]
  readonly widths: Uint32Array; // [I]
  readonly categoryIds: ReadonlySet<number>;
};

/**
 * Reads the lists of images and categories; annotations, where there are any, are passed over.
 * @throws UsageError when there is no such file, RunError naming record and field when it is not of that form.
 */
export async function readSubmissionImages(path: string): Promise<SubmissionImages> {
  const ids = new Map<number, number>();
  const sizes: number[] = [];
  const categoryIds = new Set<number>();
  const size = (record: JsonRecord, field: string) => (record.has(field) ? record.positiveInteger(field) : 0);
  const outline = await streamJson(path, {
    element(section, index, value) {
      if (section === 'images') {
        const record = new JsonRecord(path, `images[${index}]`, value);
        const id = record.integer('id');
        if (ids.has(id))
          throw new RunError(`${path}: images[${index}].id: ${id} occurs twice; ids must differ`);
        ids.set(id, ids.size);
        sizes.push(size(record, 'height'), size(record, 'width'));
      } else if (section === 'categories') {
        categoryIds.add(new JsonRecord(path, `categories[${index}]`, value).integer('id'));
      }
    },
  });
  const lists = [
    ['images', ids.size],
    ['categories', categoryIds.size],
  ] as const;
  for (const [section, count] of lists) {
    if (count > 0) continue;
    throw new RunError(
      `${path} has no ${section}${outline.kind === 'array' ? ': it is a list' : ''}; ` +
        'give the image list of the server, such as image_info_test-dev2017.json',
    );
  }
  return {
    file: path,
    ids,
    heights: Uint32Array.from({length: ids.size}, (_, i) => sizes[2 * i]!),
    widths: Uint32Array.from({length: ids.size}, (_, i) => sizes[2 * i + 1]!),
    categoryIds,
  };
}
