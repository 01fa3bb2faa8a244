/** A file of class names, one a line: darknet's .names. */
import {readFile} from 'node:fs/promises';
import {RunError, UsageError} from '../errors.js';
import type {Dataset} from './dataset.js';

/**
 * A data set without images, whose categories are 1, 2, ... in the order of the file. Empty lines at its end are none.
 * @throws UsageError when the file cannot be read; RunError when it has no names, an empty one or one twice
 */
export async function readClassNames(path: string): Promise<Dataset> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UsageError(`cannot read ${path}; expected a file of class names, one a line`);
  });
  const classNames = text
    .trimEnd()
    .split('\n')
    .map(line => line.trim());
  for (const [i, name] of classNames.entries()) {
    if (name === '') throw new RunError(`${path}: line ${i + 1} is empty; expected the name of a class`);
    const first = classNames.indexOf(name);
    if (first !== i)
      throw new RunError(`${path}: line ${i + 1} is ${name}, as is line ${first + 1}; name each class once`);
  }
  return {name: path, classNames, categoryIds: classNames.map((_, i) => i + 1), images: [], notices: []};
}
