// The rows of Table 6, and the learning rates that they have at a preset.
import test from 'ava';
import {planRuns} from '../../experiments/plan.js';
import {table6} from '../../experiments/table-6.js';
import {loadRunConfig} from '../../src/config/load.js';
import {temporaryFolder} from '../temporary-folder.js';

const plan = (folder: string, preset: string, overrides: readonly string[] = []) =>
  planRuns({
    ...{source: table6.config, preset, rows: table6.rows, rowValues: 'paper', overrides, folder},
    seedsOf: () => [0],
  });

test('at the scale of the paper all rows share the learning rate of mmdetection', async t => {
  const runs = await plan(await temporaryFolder(t), 'paper');
  t.deepEqual(
    runs.map(({config}) => config.schedule.baseLr),
    table6.rows.map(() => 0.01),
  );
});

test('at the mini preset every row has its own, which --set replaces', async t => {
  const folder = await temporaryFolder(t);
  t.deepEqual(
    (await plan(folder, 'mini')).map(({config}) => config.schedule.baseLr),
    table6.rows.map(({baseLr}) => baseLr?.mini),
  );
  t.deepEqual(
    (await plan(folder, 'mini', ['schedule.baseLr=0.02'])).map(({config}) => config.schedule.baseLr),
    table6.rows.map(() => 0.02),
  );
});

test('GHM-C with GHM-R is the shipped config', async t => {
  const runs = await plan(await temporaryFolder(t), 'paper');
  const {config} = await loadRunConfig('retinanet_R_50_FPN_1x_ghm', {overrides: []});
  t.deepEqual(runs.find(({row}) => row.id === 'ghm-r-ghm-c')?.config, {...config, seed: 0});
});
