/** The sigmoid losses on the wasm engine: one pass forward, one pass backward, no one-hot targets. */
import type * as tf from '@tensorflow/tfjs';
import {registerWasmKernel, type WasmCall} from './kernel.js';

type Focal = {alpha: number; gamma: number};

function sum({inputs, backend, module}: WasmCall<tf.NamedAttrMap>, name: string, ...options: number[]) {
  const {logits, labels, weights} = inputs;
  const [batch, anchors, classes] = logits!.shape as [number, number, number];
  const total = module.call(name, logits!, labels!, weights!, batch * anchors, classes, ...options);
  return backend.makeOutput([], 'float32', undefined, Float32Array.of(total));
}

function gradient({inputs, backend, module}: WasmCall<tf.NamedAttrMap>, name: string, ...options: number[]) {
  const {dy, logits, labels, weights} = inputs;
  const [batch, anchors, classes] = logits!.shape as [number, number, number];
  const dlogits = backend.makeOutput(logits!.shape, 'float32');
  module.call(name, dy!, logits!, labels!, weights!, dlogits, batch * anchors, classes, ...options);
  return dlogits;
}

export function registerSigmoidLosses(): void {
  registerWasmKernel('SfSigmoidCrossEntropy', call => sum(call, 'sigmoidCrossEntropy'));
  registerWasmKernel('SfSigmoidCrossEntropyGrad', call => gradient(call, 'sigmoidCrossEntropyGradient'));
  registerWasmKernel<Focal>('SfSigmoidFocal', call =>
    sum(call, 'sigmoidFocal', call.attributes.alpha, call.attributes.gamma),
  );
  registerWasmKernel<Focal>('SfSigmoidFocalGrad', call =>
    gradient(call, 'sigmoidFocalGradient', call.attributes.alpha, call.attributes.gamma),
  );
}
