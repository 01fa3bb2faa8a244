/** A program with the protocol of batch.js whose second case does what `seed` says; for the tests of the watchdog. */
import {addFinding, type BatchOptions, progressWriter} from './batch-folder.js';
import {DIES, EATS_HEAP, EATS_MEMORY, FINDS, HANGS, WAITS} from './misbehaviour.js';

const {seed, from, to, folder} = JSON.parse(process.argv[2] ?? '') as BatchOptions;
const report = progressWriter(folder);
const held: unknown[] = [];
for (let index = from; index < to; index++) {
  report({index, evaluated: index - from, refused: 0});
  if (index !== from + 1) continue;
  switch (seed) {
    case HANGS:
      for (;;);
    case WAITS:
      await new Promise(resolve => setTimeout(resolve, 1e9));
      break;
    case DIES:
      process.abort();
      break;
    case EATS_MEMORY:
      for (;;) held.push(Buffer.alloc(1 << 20, 1));
    case EATS_HEAP:
      for (;;) held.push(new Array(1000).fill(held.length));
    case FINDS:
      addFinding(folder, {index, what: 'crash: found'});
  }
}
report({index: to, evaluated: to - from, refused: 0});
