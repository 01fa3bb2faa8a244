/** node batch.js '<BatchOptions as JSON>': a batch of cases in a process of its own, which may hang or die. */
import {join} from 'node:path';
import {addFinding, type BatchOptions, progressWriter, writeMessages} from './batch-folder.js';
import {CaseFolder, FUZZ_KINDS, makeCase} from './cases.js';
import {evaluateCase} from './evaluations.js';
import {kindOf} from './message-kind.js';
import {judge} from './verdict.js';

async function runBatch({
  seed,
  from,
  to,
  folder,
  limitMilliseconds,
  limitMebibytes,
}: BatchOptions): Promise<void> {
  const folders = new Map(FUZZ_KINDS.map(kind => [kind, new CaseFolder(join(folder, kind))]));
  const report = progressWriter(folder);
  const messages = new Map<string, number>();
  let [evaluated, refused, index] = [0, 0, from];
  let mebibytes = 0;
  while (index < to && mebibytes <= limitMebibytes) {
    report({index, evaluated, refused});
    const fuzzCase = makeCase(seed, index);
    const {kind} = fuzzCase;
    const files = join(folder, kind);
    await folders.get(kind)!.write(fuzzCase);
    const verdict = await judge(() => evaluateCase(kind, files), limitMilliseconds);
    switch (verdict.kind) {
      case 'evaluated':
        evaluated++;
        break;
      case 'refused': {
        refused++;
        const message = `${kind}: ${kindOf(verdict.message, files)}`;
        messages.set(message, (messages.get(message) ?? 0) + 1);
        break;
      }
      case 'finding':
        addFinding(folder, {index, what: verdict.what});
    }
    // The most that the process ever held: above the limit there is nothing to learn from further cases.
    mebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
    if (mebibytes > limitMebibytes) addFinding(folder, {index, what: `memory: ${mebibytes} MiB`});
    index++;
  }
  report({index, evaluated, refused});
  writeMessages(folder, messages);
}

await runBatch(JSON.parse(process.argv[2] ?? '') as BatchOptions);
