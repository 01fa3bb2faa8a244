/** The SGD step and norms on torch, of one tensor and of all of a model in one call (native/sgd.h). */
import type * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';

export type SgdFunctions = {
  sfSquaredNorm(x: Handle): Handle;
  sfGlobalNorm(tensors: readonly Handle[]): Handle;
  /** Makes the next parameter and velocity. */
  sfSgdUpdate(
    ...values: [
      parameter: Handle,
      gradient: Handle,
      velocity: Handle,
      lr: number,
      momentum: number,
      weightDecay: number,
    ]
  ): number;
  /** Of all parameters, all gradients, all velocities: makes all next parameters and all next velocities. */
  sfSgdUpdateAll(
    tensors: readonly Handle[],
    clip: Handle | undefined,
    lrs: readonly number[],
    weightDecays: readonly number[],
    momentum: number,
  ): number;
};
type Update = {lr: number; momentum: number; weightDecay: number};
type UpdateAll = {lrs: number[]; momentum: number; weightDecays: number[]};

const handlesOf = (backend: TorchBackend, tensors: readonly tf.TensorInfo[]): Handle[] =>
  tensors.map(tensor => backend.handle(tensor));

export function registerFusedSgd(): void {
  const native = functionsOf<SgdFunctions>();
  registerTorchKernel('SfSquaredNorm', (backend, {x}) =>
    backend.adopt(native.sfSquaredNorm(backend.handle(x!))),
  );
  registerTorchKernel('SfGlobalNorm', (backend, inputs) =>
    backend.adopt(native.sfGlobalNorm(handlesOf(backend, Object.values(inputs)))),
  );
  registerTorchKernel<Update>('SfSgdUpdate', (backend, inputs, {lr, momentum, weightDecay}) => {
    const {parameter, gradient, velocity} = inputs;
    native.sfSgdUpdate(
      backend.handle(parameter!),
      backend.handle(gradient!),
      backend.handle(velocity!),
      lr,
      momentum,
      weightDecay,
    );
    return backend.adoptAll();
  });
  registerTorchKernel<UpdateAll>('SfSgdUpdateAll', (backend, inputs, {lrs, momentum, weightDecays}) => {
    const {clip, ...tensors}: KernelInputs = inputs;
    const factor = clip === undefined ? undefined : backend.handle(clip);
    native.sfSgdUpdateAll(handlesOf(backend, Object.values(tensors)), factor, lrs, weightDecays, momentum);
    return backend.adoptAll();
  });
}
