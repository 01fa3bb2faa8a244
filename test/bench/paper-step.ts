/**
 * One training step of the paper's RetinaNet (R-50-FPN, 80 classes, one image) at a given size on an engine:
 *
 *     node dist/test/bench/paper-step.js wasm 512 800 [640 1024 ...]
 *
 * prints seconds and memory of every size, or the line with which a size that does not fit is refused.
 */
import * as tf from '@tensorflow/tfjs';
import {loadRunConfig} from '../../src/config/load.js';
import {buildDetector, inputStd} from '../../src/detectors/build.js';
import {ENGINE_CHOICES} from '../../src/engine/engine.js';
import {openEngine} from '../../src/engine/open.js';
import {RunError} from '../../src/errors.js';
import {Random} from '../../src/random/random.js';
import {Sgd} from '../../src/train/sgd.js';
import {trainStep} from '../../src/train/step.js';

const CLASSES = 80;

const [name = 'wasm', ...sides] = process.argv.slice(2);
const choice = ENGINE_CHOICES.find(known => known === name) ?? 'auto';
const engine = await openEngine(choice);
const {config} = await loadRunConfig('retinanet_R_50_FPN_1x_sampling-free', {
  overrides: ['model.backbone.freezeAt=0'],
});

for (let i = 0; i + 1 < sides.length; i += 2) {
  const [height, width] = [Number(sides[i]), Number(sides[i + 1])];
  const imbalance = {dense: {examples: 1000, foreground: 1}};
  const detector = buildDetector(config.model, {
    classes: CLASSES,
    seed: 0,
    imbalance,
    inputStd: inputStd(config.input),
  });
  const optimizer = new Sgd(detector.parameters, config.schedule);
  const random = new Random(0, 'pixels');
  const pixels = Float32Array.from({length: 3 * height * width}, () => random.normal(0, 57));
  const images = tf.tensor4d(pixels, [1, height, width, 3]);
  const info = {height, width, originalHeight: height, originalWidth: width, scaleX: 1, scaleY: 1};
  const boxes = Float32Array.of(0.1 * width, 0.1 * height, 0.4 * width, 0.6 * height);
  const batch = {
    images,
    infos: [{imageId: 1, ...info}],
    targets: [{boxes, classes: Int32Array.of(1)}],
    iteration: 0,
  };
  const started = performance.now();
  try {
    const {total, gradNorm} = await trainStep(detector, batch, optimizer, 0.001);
    const {peakBytes, limitBytes} = engine.memory();
    const memory = `peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB of ${((limitBytes ?? 0) / 2 ** 20).toFixed(0)}`;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${height}x${width}: ${seconds} s, ${memory}, loss ${total}, gradient norm ${gradNorm}`);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    console.log(`${height}x${width}: refused: ${error.message}`);
  }
  images.dispose();
  optimizer.dispose();
  detector.parameters.dispose();
}
