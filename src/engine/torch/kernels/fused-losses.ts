/** The losses of src/engine/ops on torch: one pass forward, one pass backward (native/sigmoid_losses.h, native/smooth_l1.h). */
import {functionsOf, type Handle} from '../addon.js';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';

export type LossFunctions = {
  sfSigmoidCrossEntropy(...examples: Examples): Handle;
  sfSigmoidCrossEntropyGrad(...values: [dy: Handle, ...Examples]): Handle;
  sfSigmoidFocal(...values: [...Examples, alpha: number, gamma: number]): Handle;
  sfSigmoidFocalGrad(...values: [dy: Handle, ...Examples, alpha: number, gamma: number]): Handle;
  sfSmoothL1(predicted: Handle, target: Handle, beta: number): Handle;
  sfSmoothL1Grad(dy: Handle, predicted: Handle, target: Handle, beta: number): Handle;
};
type Examples = [logits: Handle, labels: Handle, weights: Handle];
type Focal = {alpha: number; gamma: number};

const examples = (backend: TorchBackend, {logits, labels, weights}: KernelInputs): Examples => [
  backend.handle(logits!),
  backend.handle(labels!),
  backend.handle(weights!),
];

export function registerFusedLosses(): void {
  const native = functionsOf<LossFunctions>();

  registerTorchKernel('SfSigmoidCrossEntropy', (backend, inputs) =>
    backend.adopt(native.sfSigmoidCrossEntropy(...examples(backend, inputs))),
  );
  registerTorchKernel('SfSigmoidCrossEntropyGrad', (backend, inputs) =>
    backend.adopt(native.sfSigmoidCrossEntropyGrad(backend.handle(inputs.dy!), ...examples(backend, inputs))),
  );
  registerTorchKernel<Focal>('SfSigmoidFocal', (backend, inputs, {alpha, gamma}) =>
    backend.adopt(native.sfSigmoidFocal(...examples(backend, inputs), alpha, gamma)),
  );
  registerTorchKernel<Focal>('SfSigmoidFocalGrad', (backend, inputs, {alpha, gamma}) =>
    backend.adopt(
      native.sfSigmoidFocalGrad(backend.handle(inputs.dy!), ...examples(backend, inputs), alpha, gamma),
    ),
  );
  registerTorchKernel<{beta: number}>('SfSmoothL1', (backend, {predicted, target}, {beta}) =>
    backend.adopt(native.sfSmoothL1(backend.handle(predicted!), backend.handle(target!), beta)),
  );
  registerTorchKernel<{beta: number}>('SfSmoothL1Grad', (backend, {dy, predicted, target}, {beta}) =>
    backend.adopt(
      native.sfSmoothL1Grad(backend.handle(dy!), backend.handle(predicted!), backend.handle(target!), beta),
    ),
  );
}
