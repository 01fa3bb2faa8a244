/** Elements and slices by index on torch (native/gather.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type GatherFunctions = {
  /** x [batch, outer, size, inner], in `sizes`, at indices [batch, count]: [batch, outer, count, inner] as `shape`. */
  gather(x: Handle, indices: Handle, sizes: readonly number[], shape: readonly number[]): Handle;
};

export function registerGatherKernels(): void {
  const native = functionsOf<GatherFunctions>();

  registerTorchKernel<tf.GatherV2Attrs>('GatherV2', (backend, {x, indices}, {axis, batchDims}) => {
    const at = tf.util.parseAxisParam(axis, x!.shape)[0]!;
    const {batchSize, outerSize, dimSize, sliceSize, outputShape} =
      tf.backend_util.segment_util.collectGatherOpShapeInfo(
        x as tf.Tensor,
        indices as tf.Tensor,
        at,
        batchDims ?? 0,
      );
    const sizes = [batchSize, outerSize, dimSize, sliceSize];
    return backend.adopt(native.gather(backend.handle(x!), backend.handle(indices!), sizes, outputShape));
  });
}
