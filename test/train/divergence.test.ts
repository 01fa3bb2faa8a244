import test from 'ava';
import {describeDivergence, findDivergence} from '../../src/train/divergence.js';

const dense = {classification: 1, box: 0.5, total: 1.5, w: 1, examples: 100, foreground: 3};
const record = {stages: {dense}, total: 1.5, gradNorm: 2};
const step = {iteration: 12, imageIds: [3, 7], divergedAbove: 100};

test('a run of numbers below the limit goes on, also at the limit', t => {
  t.is(findDivergence(record, step), undefined);
  t.is(findDivergence({...record, total: 100}, step), undefined);
});

test('a total above the limit is a divergence', t => {
  const divergence = findDivergence({...record, total: 101}, step);
  t.deepEqual(divergence, {iteration: 12, imageIds: [3, 7], quantity: 'total', value: 101});
});

test('the first loss that is not a number is named, with its stage', t => {
  const stages = {dense, roi: {...dense, box: Number.NaN, total: Number.NaN}};
  const divergence = findDivergence({...record, stages, total: Number.NaN}, step)!;
  t.is(divergence.quantity, 'roi.box');
  t.is(describeDivergence(divergence), 'diverged at iteration 12: roi.box is NaN (images 3, 7)');
});

test('an infinite classification loss that guided scaling hides from the total is found, and an infinite w', t => {
  const hidden = {...record, stages: {dense: {...dense, classification: Number.POSITIVE_INFINITY, w: 0}}};
  t.is(findDivergence(hidden, step)?.quantity, 'dense.classification');
  const scaled = {...record, stages: {dense: {...dense, w: Number.POSITIVE_INFINITY}}};
  t.is(findDivergence(scaled, step)?.quantity, 'dense.w');
});

test('finite losses with a gradient that is not finite have diverged', t => {
  t.is(findDivergence({...record, gradNorm: Number.NaN}, step)?.quantity, 'gradNorm');
});
