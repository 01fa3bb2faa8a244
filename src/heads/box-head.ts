/** The box head of a RoI-subnet: fully connected layers, then classes and boxes (Lin et al. 2017, Sec. 4.2). */
import type * as tf from '@tensorflow/tfjs';
import type {RoiConfig} from '../config/two-stage.js';
import type {ModelScope} from '../layers/convolution-layer.js';
import {denseLayer} from '../layers/dense-layer.js';

export type BoxPredictions = {
  /** Softmax logits; column 0 is background. */
  readonly logits: tf.Tensor2D; // [R, C + 1]
  /** Of the classes 1..C one after the other, or of all of them at once: n is C or 1. */
  readonly deltas: tf.Tensor2D; // [R, 4 n]
};

export type BoxHeadOptions = {
  readonly inChannels: number;
  /** Bins a side of what is pooled. */
  readonly poolSize: number;
  /** C, foreground classes. */
  readonly classes: number;
  readonly classAgnostic: boolean;
};

/**
 * Parameters `<name>.fc.<i>`, `<name>.class_logits` and `<name>.box_deltas`; `name` is `roi`, or `roi.<stage>` in a
 * cascade. Hidden layers start Kaiming-uniform, class logits as N(0, 0.01^2), deltas as N(0, 0.001^2).
 *
 * @returns a function from pooled features [R, s, s, c] to predictions; R may be 0. The caller owns them.
 */
export function boxHead(
  scope: ModelScope,
  name: string,
  config: RoiConfig['head'],
  {inChannels, poolSize, classes, classAgnostic}: BoxHeadOptions,
): (pooled: tf.Tensor4D) => BoxPredictions {
  const hidden = Array.from({length: config.layers}, (_, index) =>
    denseLayer(scope, `${name}.fc.${index}`, {
      inChannels: index === 0 ? poolSize * poolSize * inChannels : config.channels,
      outChannels: config.channels,
      relu: true,
      initial: {kind: 'kaiming-uniform'},
    }),
  );
  const predictor = (what: string, outChannels: number, deviation: number) =>
    denseLayer(scope, `${name}.${what}`, {
      inChannels: config.channels,
      outChannels,
      relu: false,
      initial: {kind: 'normal', deviation},
    });
  const classLogits = predictor('class_logits', classes + 1, 0.01);
  const boxDeltas = predictor('box_deltas', 4 * (classAgnostic ? 1 : classes), 0.001);

  return pooled => {
    let x: tf.Tensor = pooled;
    for (const layer of hidden) {
      const next = layer(x);
      if (x !== pooled) x.dispose();
      x = next;
    }
    const predictions = {logits: classLogits(x), deltas: boxDeltas(x)};
    x.dispose();
    return predictions;
  };
}
