/** What kernels.wasm exports. All tensors are addresses in the stock backend's memory, float32 unless said otherwise. */
export {copyBlocks, repeatBlocks} from './blocks';
export {convolution, convolutionInputGradient, convolutionScratch} from './convolution';
export {addRelu, columnSums, reluGradient, sgdUpdate, squaredNorm} from './elementwise';
export {convolutionFilterGradient, filterGradientScratch} from './filter-gradient';
export {groupNorm, groupNormGradient, groupNormScratch} from './group-norm';
export {matMul, matMulScratch} from './mat-mul';
export {maxPool, maxPoolGradient} from './max-pool';
export {gatherRows, scatterRows, sparseRows, sparseRowsTransposed} from './rows';
export {
  sigmoidCrossEntropy,
  sigmoidCrossEntropyGradient,
  sigmoidFocal,
  sigmoidFocalGradient,
} from './sigmoid-losses';
export {upsample, upsampleGradient} from './upsample';
