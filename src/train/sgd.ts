/**
 * Stochastic gradient descent with momentum and weight decay, in the form of maskrcnn-benchmark (and PyTorch):
 *
 *     v <- m v + g + wd p,    p <- p - lr v
 *
 * Biases have their own factor on lr and their own decay (maskrcnn-benchmark: 2 and 0); norm parameters are treated as weights,
 * or have a decay of their own (darknet: 0). Frozen parameters have no velocity and are never touched.
 */
import * as tf from '@tensorflow/tfjs';
import type {ScheduleConfig} from '../config/run.js';
import {sgdUpdateAll} from '../engine/ops/sgd-update.js';
import type {Parameter, Parameters} from '../layers/parameters.js';

export type SgdConfig = Pick<
  ScheduleConfig,
  'momentum' | 'weightDecay' | 'biasLrFactor' | 'biasWeightDecay' | 'normWeightDecay' | 'clipGradientNorm'
>;

/** Added to the norm before dividing, as `torch.nn.utils.clip_grad_norm_` does. */
const CLIP_EPSILON = 1e-6;

/** Owns the velocities of the trainable parameters; they are part of a checkpoint. */
export class Sgd {
  private readonly velocityOf = new Map<string, tf.Tensor>();

  constructor(
    private readonly parameters: Parameters,
    private readonly config: SgdConfig,
  ) {
    for (const {name, variable} of parameters.trainable) {
      this.velocityOf.set(name, tf.keep(tf.zeros(variable.shape)));
    }
  }

  /** Velocities by parameter name. They are replaced by `step`: read them, do not hold them. */
  get velocities(): ReadonlyMap<string, tf.Tensor> {
    return this.velocityOf;
  }

  /**
   * One update of every trainable parameter.
   * @param gradients by parameter name; absent means zero (no loss of this batch depends on the parameter), so that
   * decay and momentum do not depend on what a batch holds. Left to the caller.
   * @param norm global norm of the gradients, a scalar; used only when the config clips
   */
  step(gradients: ReadonlyMap<string, tf.Tensor>, norm: tf.Scalar, lr: number): void {
    const {momentum, clipGradientNorm} = this.config;
    const {trainable} = this.parameters;
    const clip = clipGradientNorm === null ? undefined : clipFactor(norm, clipGradientNorm);
    const zeros: tf.Tensor[] = [];
    const steps = trainable.map(parameter => {
      const {name, variable} = parameter;
      const velocity = this.velocityOf.get(name);
      if (velocity === undefined) throw new Error(`parameter ${name} was created after its optimizer`);
      const given = gradients.get(name);
      const gradient = given ?? tf.zerosLike<tf.Tensor>(variable);
      if (given === undefined) zeros.push(gradient);
      return {parameter: variable, gradient, velocity, ...this.rates(parameter, lr)};
    });
    const next = sgdUpdateAll(steps, {momentum, clip});
    tf.dispose([zeros, clip ?? []]);
    for (const [i, {parameter, velocity}] of next.entries()) {
      const {name, variable} = trainable[i]!;
      variable.assign(parameter);
      parameter.dispose();
      this.replace(name, velocity);
    }
  }

  /** Puts the velocities of a checkpoint in place. @throws Error unless there is one of the right size for each. */
  restore(values: ReadonlyMap<string, Float32Array>): void {
    for (const {name, variable} of this.parameters.trainable) {
      const velocity = values.get(name);
      if (velocity === undefined) throw new Error(`no velocity of parameter ${name}`);
      this.replace(name, tf.tensor(velocity, variable.shape));
    }
  }

  dispose(): void {
    for (const velocity of this.velocityOf.values()) velocity.dispose();
    this.velocityOf.clear();
  }

  private rates({kind}: Parameter, lr: number): {readonly lr: number; readonly weightDecay: number} {
    const {weightDecay, biasLrFactor, biasWeightDecay, normWeightDecay} = this.config;
    switch (kind) {
      case 'weight':
        return {lr, weightDecay};
      case 'bias':
        return {lr: lr * biasLrFactor, weightDecay: biasWeightDecay};
      case 'norm':
        return {lr, weightDecay: normWeightDecay ?? weightDecay};
      case 'state':
        throw new Error('what a loss or a norm remembers is not trained');
    }
  }

  private replace(name: string, velocity: tf.Tensor): void {
    this.velocityOf.get(name)?.dispose();
    this.velocityOf.set(name, tf.keep(velocity));
  }
}

/** min(1, limit / norm). */
function clipFactor(norm: tf.Scalar, limit: number): tf.Scalar {
  return tf.tidy(() => tf.minimum<tf.Scalar>(1, tf.div(limit, tf.add(norm, CLIP_EPSILON))));
}
