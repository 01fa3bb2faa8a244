/** Matrix products and fully connected layers on torch (native/mat_mul.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';

type MaybeHandle = Handle | undefined;
type MatMulFunctions = {
  matMul(a: Handle, b: Handle, transposeA: boolean, transposeB: boolean): Handle;
  fusedMatMul(
    ...values: [
      ...[a: Handle, b: Handle, bias: MaybeHandle, transposeA: boolean, transposeB: boolean],
      ...[activation: string, prelu: MaybeHandle, leaky: number],
    ]
  ): Handle;
  sfDense(
    ...values: [x: Handle, filter: Handle, bias: MaybeHandle, relu: boolean, shape: readonly number[]]
  ): Handle;
};
type Attributes = {transposeA: boolean; transposeB: boolean};
type FusedAttributes = Attributes & {activation: string | null; leakyreluAlpha?: number};

function checkInner({a, b}: KernelInputs, {transposeA, transposeB}: Attributes): void {
  const inner = [a!.shape.at(transposeA ? -2 : -1), b!.shape.at(transposeB ? -1 : -2)];
  tf.util.assert(
    inner[0] === inner[1],
    () =>
      `Error in matMul: inner shapes (${inner[0]}) and (${inner[1]}) of Tensors with shapes ${a!.shape} and ` +
      `${b!.shape} and transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  );
}

const maybeHandle = (backend: TorchBackend, tensor: tf.TensorInfo | undefined): MaybeHandle =>
  tensor === undefined || tensor === null ? undefined : backend.handle(tensor);

export function registerMatMul(): void {
  const native = functionsOf<MatMulFunctions>();
  registerTorchKernel<Attributes>('BatchMatMul', (backend, inputs, attributes) => {
    checkInner(inputs, attributes);
    const [a, b] = [backend.handle(inputs.a!), backend.handle(inputs.b!)];
    return backend.adopt(native.matMul(a, b, attributes.transposeA, attributes.transposeB));
  });
  registerTorchKernel<FusedAttributes>('_FusedMatMul', (backend, inputs, attributes) => {
    checkInner(inputs, attributes);
    const {transposeA, transposeB, activation, leakyreluAlpha} = attributes;
    return backend.adopt(
      native.fusedMatMul(
        backend.handle(inputs.a!),
        backend.handle(inputs.b!),
        maybeHandle(backend, inputs.bias),
        transposeA,
        transposeB,
        activation ?? 'linear',
        maybeHandle(backend, inputs.preluActivationWeights),
        leakyreluAlpha ?? 0,
      ),
    );
  });
  for (const [name, relu] of [
    ['SfDense', false],
    ['SfDenseRelu', true],
  ] as const) {
    registerTorchKernel<{shape: number[]}>(name, (backend, {x, filter, bias}, {shape}) =>
      backend.adopt(
        native.sfDense(backend.handle(x!), backend.handle(filter!), maybeHandle(backend, bias), relu, shape),
      ),
    );
  }
}
