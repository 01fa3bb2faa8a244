// Table 4's columns as pairs of stages, against the paper's ticks and the configs of the two that have one.
import test from 'ava';
import {planRuns} from '../../experiments/plan.js';
import {table4} from '../../experiments/table-4.js';
import {loadRunConfig} from '../../src/config/load.js';
import {readPaperTable} from '../../src/report/paper.js';
import {temporaryFolder} from '../temporary-folder.js';

const paper = await readPaperTable('table-4');

test('the columns are the paper’s, in its order, and a stage is what its ticks say', t => {
  t.deepEqual(
    table4.rows.map(({id, label}) => ({id, label})),
    paper.rows.map(({id, label}) => ({id, label})),
  );
  for (const [index, {id, stages, normalisers}] of table4.rows.entries()) {
    const {settings} = paper.rows[index]!;
    for (const stage of ['rpn', 'roi']) {
      const {sampler, lossScaling} = stages[stage]!;
      const samplingFree = settings?.[`${stage}SamplingFree`] === true;
      const biased = settings?.[`${stage}BiasedSampling`] === true;
      t.is(sampler.kind === 'minibatch-biased', biased, `${id} ${stage}`);
      t.is(lossScaling.kind === 'guided', samplingFree, `${id} ${stage}`);
      t.is(normalisers?.[stage]?.box, samplingFree ? 'coordinates' : 'examples', `${id} ${stage}`);
    }
  }
});

test('Sampling-Free in a stage: gain 1 and the optimal bias in the RPN, gain 2 and a zero bias in the RoI-subnet', t => {
  const {rpn, roi} = table4.rows.find(({id}) => id === 'sampling-free')!.stages;
  t.deepEqual([rpn!.lossScaling, rpn!.biasInit], [{kind: 'guided', gain: 1}, {kind: 'optimal'}]);
  t.deepEqual([roi!.lossScaling, roi!.biasInit], [{kind: 'guided', gain: 2}, {kind: 'zero'}]);
});

for (const preset of ['paper', 'mini']) {
  test(`first and fourth column are the configs of baseline and Sampling-Free, preset ${preset}`, async t => {
    const runs = await planRuns({
      ...{source: table4.config, preset, rows: table4.rows, rowValues: 'paper', overrides: []},
      seedsOf: ({id}) => (id === 'biased-sampling' ? [0, 1] : [0]),
      folder: await temporaryFolder(t),
    });
    t.deepEqual(
      runs.map(({id}) => id),
      [...table4.rows.map(({id}) => `${id}/seed-0`), 'biased-sampling/seed-1'],
    );
    t.true(runs.every(({trainedBy}) => trainedBy === undefined));
    for (const [row, method] of [
      ['biased-sampling', ''],
      ['sampling-free', '_sampling-free'],
    ]) {
      const {config} = await loadRunConfig(table4.config + method, {preset, overrides: []});
      t.deepEqual(runs.find(({id}) => id === `${row}/seed-0`)?.config, {...config, seed: 0});
    }
    const hybrid = runs.find(({row}) => row.id === 'hybrid')!.config.model.stages;
    t.deepEqual('rpn' in hybrid && [hybrid.rpn.sampler, hybrid.roi.sampler], [
      {kind: 'minibatch-biased', n: preset === 'mini' ? 64 : 256, fraction: 0.5},
      {kind: 'minibatch-biased', n: preset === 'mini' ? 128 : 512, fraction: 0.25},
    ]);
  });
}
