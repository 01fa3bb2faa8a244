/** Errors that a person can act on: one line that says what, where and what to do. Anything else is a bug. */

/** Text from a file on one line, with nothing in it that a terminal obeys: control characters escaped as in JSON. */
export function visibleText(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029\ufffe\uffff]/gu,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** One line whatever it quotes of a file or of its name. */
class OneLineError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(visibleText(message), options);
  }
}

/** The command, a flag, a config or a path is wrong: nothing has been started. Exit code 2. */
export class UsageError extends OneLineError {
  override readonly name = 'UsageError';
}

/** Something failed while working on valid input: a broken image, a full disk, a lost file. Exit code 1. */
export class RunError extends OneLineError {
  override readonly name = 'RunError';
}
