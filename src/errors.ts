/** Errors that a person can act on: one line that says what, where and what to do. Anything else is a bug. */

/** The command, a flag, a config or a path is wrong: nothing has been started. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something failed while working on valid input: a broken image, a full disk, a lost file. Exit code 1. */
export class RunError extends Error {
  override readonly name = 'RunError';
}
