import test from 'ava';
import fc from 'fast-check';
import {csvText, figureCell} from '../../src/report/csv.js';

test('Commas, quotes and line breaks are quoted, lines end in CRLF', t => {
  t.is(
    csvText([
      ['a', 'b,c', 'say "d"', 'e\nf', ''],
      [1, -0.5, 1e-7, null, 0],
    ]),
    'a,"b,c","say ""d""","e\nf",\r\n1,-0.5,1e-7,,0\r\n',
  );
});

test('Text that a spreadsheet takes for a formula has an apostrophe before it; numbers have none', t => {
  t.is(csvText([['=1+1', '+a', '-a', '@a', '\ta', 'a=1', -1]]), "'=1+1,'+a,'-a,'@a,'\ta,a=1,-1\r\n");
  t.is(csvText([['\ra']]), '"\'\ra"\r\n');
});

test('A figure of -1 is an empty cell', t => {
  t.deepEqual([-1, 0, 0.5].map(figureCell), [null, 0, 0.5]);
});

/** A reader of RFC 4180, character by character. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]];
  let [cell, quoted] = ['', false];
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[i + 1] === '"') cell += text[i++];
      else quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === ',') {
      rows.at(-1)!.push(cell);
      cell = '';
    } else if (letter === '\r' && text[i + 1] === '\n') {
      rows.at(-1)!.push(cell);
      rows.push([]);
      cell = '';
      i++;
    } else cell += letter;
  }
  return rows.slice(0, -1);
}

test('What is written can be read again', t => {
  const cell = fc.oneof(fc.string(), fc.stringMatching(/^[",\r\n=;a]*$/));
  fc.assert(
    fc.property(fc.array(fc.array(cell, {minLength: 1}), {minLength: 1}), rows => {
      const read = parse(csvText(rows)).map(row => row.map(text => text.replace(/^'(?=[=+\-@\t\r])/, '')));
      const written = rows.map(row => row.map(text => text.replace(/^'(?=[=+\-@\t\r])/, '')));
      t.deepEqual(read, written);
    }),
  );
});
