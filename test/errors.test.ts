import test from 'ava';
import {RunError, UsageError} from '../src/errors.js';

test('an error is one line that a terminal shows as it is, whatever it quotes', t => {
  for (const Kind of [RunError, UsageError]) {
    const {message} = new Kind('a\nb\r\tc\u001b[2J d\u009be\u2028f: "ä\\n"');
    t.is(message, 'a\\u000ab\\u000d\\u0009c\\u001b[2J d\\u009be\\u2028f: "ä\\n"');
  }
});

test('an error keeps its name and its cause', t => {
  const cause = new Error('disk');
  const error = new RunError('cannot write', {cause});
  t.is(error.name, 'RunError');
  t.is(error.cause, cause);
});
