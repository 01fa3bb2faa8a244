/** Registers every kernel of the backend `torch`, a family at a time. */
import {registerBinary} from './binary.js';
import {registerBlockKernels} from './blocks.js';
import {registerConvolution} from './convolution.js';
import {registerDetection} from './detection.js';
import {registerDilationKernels} from './dilation.js';
import {registerEinsum} from './einsum.js';
import {registerFill} from './fill.js';
import {registerFusedConvolution} from './fused-convolution.js';
import {registerFusedLayers} from './fused-layers.js';
import {registerFusedLosses} from './fused-losses.js';
import {registerFusedRows} from './fused-rows.js';
import {registerFusedSgd} from './fused-sgd.js';
import {registerGatherKernels} from './gather.js';
import {registerHarmonizedLosses} from './harmonized-losses.js';
import {registerImageKernels} from './images.js';
import {registerJoinKernels} from './joins.js';
import {registerMatMul} from './mat-mul.js';
import {registerNormalizationKernels} from './normalization.js';
import {registerPool} from './pool.js';
import {registerReduce} from './reduce.js';
import {registerSample} from './sample.js';
import {registerScan} from './scan.js';
import {registerScatterKernels} from './scatter.js';
import {registerSegments} from './segments.js';
import {registerSliceKernels} from './slices.js';
import {registerSort} from './sort.js';
import {registerSparse} from './sparse.js';
import {registerStorageKernels} from './storage.js';
import {registerSuppressionKernels} from './suppression.js';
import {registerUnary} from './unary.js';

let registered = false;

/** Call once the addon is loaded; further calls do nothing. */
export function registerTorchKernels(): void {
  if (registered) return;
  registered = true;
  registerBinary();
  registerBlockKernels();
  registerConvolution();
  registerDetection();
  registerDilationKernels();
  registerEinsum();
  registerFill();
  registerFusedConvolution();
  registerFusedLayers();
  registerFusedLosses();
  registerFusedRows();
  registerFusedSgd();
  registerGatherKernels();
  registerHarmonizedLosses();
  registerImageKernels();
  registerJoinKernels();
  registerMatMul();
  registerNormalizationKernels();
  registerPool();
  registerReduce();
  registerSample();
  registerScan();
  registerScatterKernels();
  registerSegments();
  registerSliceKernels();
  registerSort();
  registerSparse();
  registerStorageKernels();
  registerSuppressionKernels();
  registerUnary();
}
