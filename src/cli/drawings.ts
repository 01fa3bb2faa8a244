/** What commands that draw images share: the flag that says what, and the names of the drawings. */
import {basename, extname} from 'node:path';
import {Option} from 'commander';
import {DRAWN_PARTS, type DrawnPart} from '../report/drawing.js';
import {parseChoice} from './flags.js';

/** `--draw`, as a set of parts. @param all what is drawn where it is not given */
export function drawOption(all: string): Option {
  return new Option(
    '--draw <parts>',
    `what to draw: ${DRAWN_PARTS.join(',')} or some of them (default: ${all})`,
  ).argParser((text): ReadonlySet<DrawnPart> => {
    return new Set(text.split(',').map(part => parseChoice('--draw', DRAWN_PARTS, part.trim())));
  });
}

/** PNG names of the drawings of image files, all different; files of the same name from different folders get a number. */
export function drawingNames(paths: readonly string[]): readonly string[] {
  /** In lower case: some file systems do not tell a.png from A.png. */
  const used = new Set<string>();
  return paths.map(path => {
    const stem = basename(path, extname(path));
    let name = `${stem}.png`;
    for (let count = 2; used.has(name.toLowerCase()); count++) name = `${stem}-${count}.png`;
    used.add(name.toLowerCase());
    return name;
  });
}
