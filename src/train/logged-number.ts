/** Numbers in logs. JSON has no NaN and no infinities, and a diverged run has both: they are written as strings. */
import {z} from 'zod';

const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'] as const;

/** A JSON number, or one of the three strings. */
export const loggedNumber = z.union([z.number(), z.enum(NOT_FINITE).transform(Number)]);

/** One line of JSON; non-finite numbers as strings. */
export function toLoggedJson(value: object, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'number' && !Number.isFinite(item) ? String(item) : item),
    indent,
  );
}
