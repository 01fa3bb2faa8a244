/**
 * Frees memory while the backward pass runs. tfjs keeps the gradient of every intermediate result, and everything that
 * operations have saved for the backward pass, until that pass is over: about twice what is needed at a time. The
 * operations of this folder say what their gradients use; it is disposed when the next one of them is differentiated.
 */
import * as tf from '@tensorflow/tfjs';
import {reluGradient} from './relu-gradient.js';

let spent: tf.Tensor[] = [];

/**
 * To be called first in an operation's gradient: no other operation reads what it is given.
 *
 * @param dy the gradient of the result
 * @param saved all that the operation has saved
 */
export function usedOnlyHere(dy: tf.Tensor, saved: readonly tf.Tensor[] = []): void {
  const {activeScope, gradientDepth} = tf.engine().state;
  tf.dispose(spent);
  // A tensor of another scope than the tape's was handed to tf.grads by a caller, who keeps it.
  spent = dy.scopeId === activeScope.id && !dy.kept ? [dy] : [];
  // Inside the function of another gradient, the same operation will be differentiated again.
  if (gradientDepth === 0) spent.push(...saved);
}

/** The same for a tensor that the gradient has made for several of the operation's inputs. */
export function sharedByInputs<T extends tf.Tensor>(tensor: T): T {
  spent.push(tensor);
  return tensor;
}

/**
 * The gradient in front of a ReLU, for several of the operation's inputs: dy where y > 0, else slope dy. Both of them, as
 * large as the result each, are freed before the operation computes anything else, if they are `usedOnlyHere`.
 *
 * @param y the operation's result, saved
 */
export function gradientBeforeRelu<T extends tf.Tensor>(dy: T, y: tf.Tensor, slope = 0): T {
  const dz = reluGradient(dy, y, slope);
  tf.dispose(spent.filter(tensor => tensor === dy || tensor === y));
  return sharedByInputs(dz);
}
