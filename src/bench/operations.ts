/**
 * Floating point operations of convolutions and matrix products, two for a multiplication with its addition, counted as
 * the direct sum even where a kernel needs fewer (Winograd). Everything else in a detector is small beside them.
 */
import {RunError} from '../errors.js';
import type {KernelCall} from './kernel-calls.js';

type Shape = readonly number[];

const product = (shape: Shape): number => shape.reduce((size, side) => size * side, 1);

/** A sum over [kernel height, kernel width, in] for each element of the output [B, H, W, out]. */
function convolutionOperations(output: Shape, filter: Shape): number {
  return 2 * product(output) * product(filter.slice(0, 3));
}

function shapeOf({name, inputs}: KernelCall, input: string): Shape {
  const tensor = inputs[input];
  if (tensor === undefined) throw new RunError(`kernel ${name} has no input ${input}`);
  return tensor.shape;
}

/** Operations of one call; 0 for kernels that neither convolve nor multiply matrices, and for nested ones. */
export function operationsOf(call: KernelCall): number {
  if (call.nested) return 0;
  if (call.name.startsWith('SfConvolution')) return engineConvolutionOperations(call);
  if (call.name.startsWith('SfDense')) return denseOperations(call);
  const output = (): Shape => call.outputs[0]!.shape;
  switch (call.name) {
    case 'Conv2D':
    case 'FusedConv2D':
      return convolutionOperations(output(), shapeOf(call, 'filter'));
    case 'Conv2DBackpropInput':
      return convolutionOperations(shapeOf(call, 'dy'), shapeOf(call, 'filter'));
    case 'Conv2DBackpropFilter':
      return convolutionOperations(shapeOf(call, 'dy'), output());
    case 'BatchMatMul':
    case '_FusedMatMul': {
      const a = shapeOf(call, 'a');
      const transposed = call.attributes.transposeA === true;
      return 2 * product(output()) * a.at(transposed ? -2 : -1)!;
    }
    default:
      return 0;
  }
}

/**
 * The convolutions of src/engine/ops, whatever is fused into them: the forward pass has x and filter; a gradient has dy, and
 * returns the gradient of x, of the filter, or of both, each at the cost of the forward pass.
 */
function engineConvolutionOperations(call: KernelCall): number {
  const {dy, filter} = call.inputs;
  const [first] = call.outputs;
  if (dy === undefined) return convolutionOperations(first!.shape, shapeOf(call, 'filter'));
  const maps = call.outputs.filter(({shape}) => shape.length === 4);
  return maps.length * convolutionOperations(dy.shape, filter?.shape ?? first!.shape);
}

/** A fully connected layer, or a transposed convolution whose blocks do not overlap; its gradients are plain products. */
function denseOperations(call: KernelCall): number {
  const inner = shapeOf(call, 'filter')[0]!;
  return 2 * product(call.outputs[0]!.shape) * inner;
}
