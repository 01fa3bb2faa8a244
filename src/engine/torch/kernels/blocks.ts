/** Blocks of space moved into the batch or the channels and back on torch (native/blocks.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

/** A finer shape, how its axes change places, and the shape that the result is then seen in. */
type Rearrangement = [fine: readonly number[], permutation: readonly number[], coarse: readonly number[]];

type BlockFunctions = {
  rearrange(x: Handle, ...how: Rearrangement): Handle;
  spaceToBatch(...values: [x: Handle, paddings: readonly number[], ...Rearrangement]): Handle;
  batchToSpace(
    ...values: [x: Handle, ...Rearrangement, begin: readonly number[], size: readonly number[]]
  ): Handle;
};

/** Of blocks that lie in the batch, or are to lie there. */
function rearrangement(shape: number[], blockShape: number[], batchToSpace: boolean): Rearrangement {
  const block = tf.util.sizeFromShape(blockShape);
  const fine = tf.backend_util.getReshaped(shape, blockShape, block, batchToSpace);
  return [
    fine,
    tf.backend_util.getPermuted(fine.length, blockShape.length, batchToSpace),
    tf.backend_util.getReshapedPermuted(shape, blockShape, block, batchToSpace),
  ];
}

export function registerBlockKernels(): void {
  const native = functionsOf<BlockFunctions>();

  registerTorchKernel<tf.BatchToSpaceNDAttrs>('BatchToSpaceND', (backend, {x}, {blockShape, crops}) => {
    const how = rearrangement(x!.shape, blockShape, true);
    const begin = tf.backend_util.getSliceBeginCoords(crops, blockShape.length);
    const size = tf.backend_util.getSliceSize([...how[2]], crops, blockShape.length);
    return backend.adopt(native.batchToSpace(backend.handle(x!), ...how, begin, size));
  });

  registerTorchKernel<tf.SpaceToBatchNDAttrs>('SpaceToBatchND', (backend, {x}, {blockShape, paddings}) => {
    const all = x!.shape.map((_, axis) => paddings[axis - 1] ?? [0, 0]);
    const padded = x!.shape.map((size, axis) => size + all[axis]![0]! + all[axis]![1]!);
    const how = rearrangement(padded, blockShape, false);
    return backend.adopt(native.spaceToBatch(backend.handle(x!), all.flat(), ...how));
  });

  registerTorchKernel<tf.DepthToSpaceAttrs>('DepthToSpace', (backend, {x}, {blockSize: b, dataFormat}) => {
    const [batch, ...sizes] = x!.shape as [number, number, number, number];
    if (dataFormat === 'NCHW') {
      const [depth, height, width] = sizes;
      const channels = depth / b ** 2;
      return backend.adopt(
        native.rearrange(
          backend.handle(x!),
          [batch, b, b, channels, height, width],
          [0, 3, 4, 1, 5, 2],
          [batch, channels, height * b, width * b],
        ),
      );
    }
    const [height, width, depth] = sizes;
    const channels = depth / b ** 2;
    return backend.adopt(
      native.rearrange(
        backend.handle(x!),
        [batch, height, width, b, b, channels],
        [0, 1, 3, 2, 4, 5],
        [batch, height * b, width * b, channels],
      ),
    );
  });
}
