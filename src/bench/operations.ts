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
  const output = (): Shape => call.outputs[0]!.shape;
  switch (call.name) {
    case 'SfConvolution':
    case 'SfConvolutionRelu':
    case 'Conv2D':
    case 'FusedConv2D':
      return convolutionOperations(output(), shapeOf(call, 'filter'));
    case 'SfConvolutionInputGrad':
    case 'Conv2DBackpropInput':
      return convolutionOperations(shapeOf(call, 'dy'), shapeOf(call, 'filter'));
    case 'SfConvolutionFilterGrad':
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
