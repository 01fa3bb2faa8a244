/** Bounds and variances of initial filters: a uniform distribution over (-b, b) has the variance b^2 / 3. */
import test from 'ava';
import {type FilterShape, type InitialFilter, initialValues} from '../../src/layers/initial.js';

const SHAPE: FilterShape = [3, 3, 40, 60];

const cases: readonly (readonly [initial: InitialFilter, bound: number, variance: number])[] = [
  // b = sqrt(3 / (9 40)): a sum of 360 products with unit inputs has unit variance.
  [{kind: 'kaiming-uniform'}, Math.sqrt(3 / 360), 1 / 360],
  // b = sqrt(6 / (9 (40 + 60))), variance 2 / 900.
  [{kind: 'xavier-uniform'}, Math.sqrt(6 / 900), 2 / 900],
  [{kind: 'kaiming-normal'}, Number.POSITIVE_INFINITY, 2 / 540],
  [{kind: 'normal', deviation: 0.01}, Number.POSITIVE_INFINITY, 0.0001],
];

for (const [initial, bound, variance] of cases) {
  test(`${initial.kind} filters have their bound and variance, and a seed and a name of their own`, t => {
    const values = initialValues(initial, SHAPE, 1, 'filter');
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    t.true(largest <= Math.fround(bound));
    if (Number.isFinite(bound)) t.true(largest > 0.999 * bound);
    const measured = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    // 21,600 values: the deviation of their mean square is below 1 % of it.
    t.true(Math.abs(measured / variance - 1) < 0.03, `${measured} is not ${variance}`);
    t.deepEqual(initialValues(initial, SHAPE, 1, 'filter'), values);
    t.notDeepEqual(initialValues(initial, SHAPE, 1, 'other'), values);
    t.notDeepEqual(initialValues(initial, SHAPE, 2, 'filter'), values);
  });
}
