import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {readClassNames} from '../../src/data/class-names.js';
import {RunError, UsageError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

test('one class a line, numbered from 1, whatever ends the lines', async t => {
  const path = join(await temporaryFolder(t), 'coco.names');
  for (const text of [
    'person\ntraffic light\ncar\n',
    'person\r\ntraffic light\r\ncar',
    'person\n traffic light\ncar\n\n',
  ]) {
    await writeFile(path, text);
    t.deepEqual(await readClassNames(path), {
      ...{name: path, images: [], notices: []},
      ...{classNames: ['person', 'traffic light', 'car'], categoryIds: [1, 2, 3]},
    });
  }
});

test('a file without names, with an empty one or one twice is refused, as is none', async t => {
  const path = join(await temporaryFolder(t), 'my.names');
  for (const [text, message] of [
    ['', 'line 1 is empty; expected the name of a class'],
    ['cat\n\ndog', 'line 2 is empty; expected the name of a class'],
    ['cat\ndog\ncat\n', 'line 3 is cat, as is line 1; name each class once'],
  ] as const) {
    await writeFile(path, text);
    await t.throwsAsync(readClassNames(path), {instanceOf: RunError, message: `${path}: ${message}`});
  }
  await t.throwsAsync(readClassNames(`${path}.none`), {
    instanceOf: UsageError,
    message: `cannot read ${path}.none; expected a file of class names, one a line`,
  });
});
