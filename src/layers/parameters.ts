/** Named weights of a detector. The names are those of checkpoints and of the weight importers. */
import * as tf from '@tensorflow/tfjs';
import {UsageError} from '../errors.js';

/** How one parameter is treated by the optimizer; a state is what a loss or a norm remembers, and never trained. */
export type ParameterKind = 'weight' | 'bias' | 'norm' | 'state';

export type Parameter = {
  readonly name: string;
  readonly kind: ParameterKind;
  /** False for frozen parameters: they are saved and loaded, never updated. */
  readonly trainable: boolean;
  readonly variable: tf.Variable;
};

/** Creates, holds and disposes the variables of one detector, in creation order. */
export class Parameters {
  private readonly byName = new Map<string, Parameter>();

  /**
   * Makes the variable `name` with the values of `initial`, which is disposed.
   * @throws Error when the name is taken: every layer has its own.
   */
  create(name: string, kind: ParameterKind, initial: tf.Tensor, trainable = true): tf.Variable {
    if (this.byName.has(name)) throw new Error(`parameter ${name} exists already`);
    const variable = tf.tidy(() => tf.variable(initial, trainable));
    initial.dispose();
    this.byName.set(name, {name, kind, trainable, variable});
    return variable;
  }

  get all(): readonly Parameter[] {
    return [...this.byName.values()];
  }

  get trainable(): readonly Parameter[] {
    return this.all.filter(parameter => parameter.trainable);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  get(name: string): Parameter {
    const parameter = this.byName.get(name);
    if (parameter === undefined) throw new UsageError(`there is no parameter ${name} in this model`);
    return parameter;
  }

  dispose(): void {
    for (const {variable} of this.byName.values()) variable.dispose();
    this.byName.clear();
  }
}
