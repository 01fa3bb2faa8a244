/** Tensors transposed, side by side, in a frame and repeated on torch (native/transpose.cc, native/joins.cc). */
import * as tf from '@tensorflow/tfjs';
import {type CoreFunctions, functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type JoinFunctions = {
  transpose(x: Handle, permutation: readonly number[]): Handle;
  concat(tensors: readonly Handle[], axis: number): Handle;
  pack(tensors: readonly Handle[], axis: number): Handle;
  /** `paddings` has two numbers an axis, as it has for mirrorPad. */
  pad(x: Handle, paddings: readonly number[], value: number): Handle;
  mirrorPad(x: Handle, paddings: readonly number[], symmetric: boolean): Handle;
  tile(x: Handle, repetitions: readonly number[]): Handle;
};

export function registerJoinKernels(): void {
  const native = functionsOf<CoreFunctions & JoinFunctions>();

  registerTorchKernel<tf.TransposeAttrs>('Transpose', (backend, {x}, {perm}) =>
    backend.adopt(native.transpose(backend.handle(x!), perm)),
  );

  registerTorchKernel<tf.ExpandDimsAttrs>('ExpandDims', (backend, {input}, {dim}) => {
    const {shape} = input!;
    tf.util.assert(
      dim >= -(shape.length + 1) && dim <= shape.length,
      () => `Axis must be in the interval [${-(shape.length + 1)}, ${shape.length}]`,
    );
    const at = dim < 0 ? shape.length + dim + 1 : dim;
    return backend.adopt(
      native.reshape(backend.handle(input!), [...shape.slice(0, at), 1, ...shape.slice(at)]),
    );
  });

  registerTorchKernel<tf.ConcatAttrs>('Concat', (backend, inputs, {axis}) => {
    const tensors = Object.values(inputs);
    const shapes = tensors.map(({shape}) => shape);
    const at = tf.util.parseAxisParam(axis, shapes[0]!)[0]!;
    tf.backend_util.assertParamsConsistent(shapes, at);
    return backend.adopt(
      native.concat(
        tensors.map(tensor => backend.handle(tensor)),
        at,
      ),
    );
  });

  registerTorchKernel<tf.PackAttrs>('Pack', (backend, inputs, {axis}) => {
    const tensors = Object.values(inputs);
    const [first] = tensors;
    for (const {shape, dtype} of tensors) {
      tf.util.assertShapesMatch(first!.shape, shape, 'All tensors passed to stack must have matching shapes');
      tf.util.assert(first!.dtype === dtype, () => 'All tensors passed to stack must have matching dtypes');
    }
    const at = axis < 0 ? axis + first!.shape.length + 1 : axis;
    return backend.adopt(
      native.pack(
        tensors.map(tensor => backend.handle(tensor)),
        at,
      ),
    );
  });

  registerTorchKernel<tf.PadV2Attrs>('PadV2', (backend, {x}, {paddings, constantValue}) =>
    backend.adopt(native.pad(backend.handle(x!), paddings.flat(), Number(constantValue))),
  );

  registerTorchKernel<tf.MirrorPadAttrs>('MirrorPad', (backend, {x}, {paddings, mode}) =>
    backend.adopt(native.mirrorPad(backend.handle(x!), paddings.flat(), mode === 'symmetric')),
  );

  registerTorchKernel<tf.TileAttrs>('Tile', (backend, {x}, {reps}) =>
    backend.adopt(native.tile(backend.handle(x!), reps)),
  );
}
