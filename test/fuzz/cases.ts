/** Case n of a seed: which files an evaluation is given, and what was done to one of them. */
import {mkdir, rm, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {Random} from '../../src/random/random.js';
import {isLongerThan, textOf, treeOf} from './json-tree.js';
import {BYTE_MUTATIONS} from './mutate-bytes.js';
import {JSON_MUTATIONS, MAX_CHARACTERS} from './mutate-json.js';
import {pick, pickMutation} from './mutation.js';
import {
  BOX_RESULTS,
  INSTANCES,
  MASK_RESULTS,
  MIXED_RESULTS,
  VOC_CLASSES,
  VOC_IMAGES,
  VOC_LINES,
  VOC_LIST,
  VOC_RECORDS,
  vocAnnotation,
} from './originals.js';

/** What the files are evaluated as (see evaluations.ts). */
export const FUZZ_KINDS = [
  'coco',
  'coco-reading',
  'data-set',
  'submission',
  'voc-lines',
  'voc-records',
  'voc-data-set',
] as const;
export type FuzzKind = (typeof FUZZ_KINDS)[number];

export type FuzzCase = {
  readonly kind: FuzzKind;
  /** By path below the case's folder. */
  readonly files: ReadonlyMap<string, string | Buffer>;
  /** The file that is not valid any more, and what was done to it. */
  readonly mutated: string;
  readonly mutations: readonly string[];
};

type OriginalFile = {readonly path: string; readonly content: unknown; readonly asText: string};

function file(path: string, content: unknown): OriginalFile {
  return {path, content, asText: typeof content === 'string' ? content : JSON.stringify(content)};
}

type Original = {
  readonly kind: FuzzKind;
  readonly files: readonly OriginalFile[];
  /** Files that are mutated; the more often it is named, the more often it is taken. */
  readonly targets: readonly string[];
};

const VOC_LIST_FILE = file('voc/ImageSets/Main/test.txt', VOC_LIST);
const VOC_XML_FILES = VOC_IMAGES.map(image => file(`voc/Annotations/${image}.xml`, vocAnnotation(image)));
const VOC_FILES = [VOC_LIST_FILE, ...VOC_XML_FILES];
const VOC_DETECTIONS = VOC_CLASSES.map(name => file(`found/comp4_det_test_${name}.txt`, VOC_LINES));
const INSTANCES_FILE = file('instances.json', INSTANCES);

const RESULT_FILES = {boxes: BOX_RESULTS, masks: MASK_RESULTS, mixed: MIXED_RESULTS};

/** Every kind of evaluation with every kind of its files; what is first is fuzzed as often as what is last. */
const ORIGINALS: readonly Original[] = [
  ...(['coco', 'coco-reading'] as const).flatMap(kind =>
    Object.values(RESULT_FILES).map(
      (results): Original => ({
        kind,
        files: [INSTANCES_FILE, file('results.json', results)],
        targets: ['results.json', 'instances.json'],
      }),
    ),
  ),
  {kind: 'data-set', files: [INSTANCES_FILE], targets: ['instances.json']},
  {
    kind: 'submission',
    files: [INSTANCES_FILE, file('results.json', MASK_RESULTS)],
    targets: ['results.json', 'results.json', 'instances.json'],
  },
  {
    kind: 'voc-lines',
    files: [...VOC_FILES, ...VOC_DETECTIONS],
    targets: [VOC_DETECTIONS[0]!.path, VOC_XML_FILES[0]!.path],
  },
  {
    kind: 'voc-records',
    files: [...VOC_FILES, file('found.json', VOC_RECORDS)],
    targets: ['found.json'],
  },
  {
    kind: 'voc-data-set',
    files: VOC_FILES,
    targets: [VOC_XML_FILES[0]!.path, VOC_XML_FILES[0]!.path, VOC_LIST_FILE.path],
  },
];

/** The valid files of every kind, as they are. */
export function originalCases(): readonly Pick<FuzzCase, 'kind' | 'files'>[] {
  return ORIGINALS.map(({kind, files}) => ({
    kind,
    files: new Map(files.map(({path, asText}) => [path, asText])),
  }));
}

/** Case `index` of `seed`: the same whenever and wherever it is made. */
export function makeCase(seed: number, index: number): FuzzCase {
  const random = new Random(seed, 'fuzz', index);
  const original = pick(random, ORIGINALS);
  const target = pick(random, original.targets);
  const files = new Map<string, string | Buffer>();
  const mutations: string[] = [];
  for (const {path, content, asText} of original.files)
    files.set(path, path === target ? mutate(content, asText, random, mutations) : asText);
  return {kind: original.kind, files, mutated: target, mutations};
}

/** Most files have one thing wrong with them: a second one is often not reached. */
const TIMES = [1, 1, 1, 2, 3];

/** Mutations of the structure where there is one, of the bytes in every fourth file, now and then of both. */
function mutate(content: unknown, asText: string, random: Random, done: string[]): Buffer {
  const structured = typeof content !== 'string' && random.int(4) > 0;
  const onBytes = !structured || random.int(10) === 0;
  let text = asText;
  if (structured) {
    let tree = treeOf(content);
    for (let left = pick(random, TIMES); left > 0; left--) {
      const [name, mutation] = pickMutation(random, JSON_MUTATIONS);
      tree = mutation(tree, random);
      done.push(name);
      // Copies share what they consist of, so that a change of one may be a change of thousands.
      if (isLongerThan(tree, MAX_CHARACTERS)) break;
      text = textOf(tree);
    }
  }
  let bytes: Buffer = Buffer.from(text);
  if (onBytes) {
    for (let left = pick(random, TIMES); left > 0; left--) {
      const [name, mutation] = pickMutation(random, BYTE_MUTATIONS);
      bytes = Buffer.from(mutation(bytes, random));
      done.push(name);
    }
  }
  return bytes;
}

/** Writes the case's files, and no others, into `folder`. */
export async function writeCase(folder: string, {files}: FuzzCase): Promise<void> {
  await rm(folder, {recursive: true, force: true});
  await new CaseFolder(folder).write({files});
}

/** A folder that holds one case after the other: of the next case of the same kind only what differs is written. */
export class CaseFolder {
  private readonly written = new Map<string, string | Buffer>();

  constructor(private readonly folder: string) {}

  /** The files of the last case must not have been changed. All cases must have files of the same names. */
  async write({files}: Pick<FuzzCase, 'files'>): Promise<void> {
    for (const [path, content] of files) {
      const before = this.written.get(path);
      if (before === content) continue;
      const file = join(this.folder, path);
      if (before === undefined) await mkdir(dirname(file), {recursive: true});
      await writeFile(file, content);
      this.written.set(path, content);
    }
  }
}
