/** Specs of tfjs-core's suite that an engine need not pass, by name, each with its reason. */
import type {EngineName} from '../../src/config/engine-choice.js';

export type Exclusion = {
  /** Matched against 'suite spec'. */
  readonly patterns: readonly RegExp[];
  readonly reason: string;
};

/** The specs of complex numbers: no engine of ours but tfjs's own stores any. */
const COMPLEX: readonly RegExp[] = [
  /^(abs|add|mul|sub|clone|onesLike|transpose) .*complex(64| number| dtype)/,
  /^complex64 tf\.(complex|real|imag)$/,
  /^concat[123]d concat complex input/,
  /^tensor ((Scalar|Tensor[1-4]D) complex64 dtype|cast complex64|squeeze a complex64|ones with complex)/,
  /^tensor arraySync .arraySync\(\) with a complex tensor$/,
  /^tensor.toString .*complex64/,
  /^tensor with 0 in shape complex64/,
  /^util.toNestedArray for a complex tensor tensor to nested array$/,
  /^[123]D I?R?FFT /,
  /^stft /,
  /^encodeWeights Complex64/,
  /^(en|de)codeWeights .*Mixed dtype/,
  // Their last case adds a complex number; the real cases before it pass.
  /^(add|sub) upcasts when dtypes dont match$/,
];

const RAGGED = /^ragged(Gather|Range|TensorToTensor) /;

const WASM: readonly Exclusion[] = [
  {
    reason: 'complex numbers: the stock backend stores none, and sf has none',
    patterns: COMPLEX,
  },
  {
    reason: 'strings: the stock backend computes on numbers, and sf puts no string into a tensor',
    patterns: [
      /^(equal|notEqual|less|lessEqual|greater|greaterEqual) should support string comparison$/,
      /^fill [12]D fill string$/,
      /^squeeze (default|specific dimension|all ones|squeeze only ones)$/,
      /^sparseToDense should work for string$/,
      /^staticRegexReplace /,
      /^tile (1d|2d|6D) string tensor$/,
      /^tensor.toString [12]d long string tensor verbose$/,
    ],
  },
  {
    reason: 'channels first: XNNPACK computes NHWC, the layout of sf',
    patterns: [/^fused conv2d .*in NCHW/, /^conv2d (x|gradient x)=.*NCHW$/],
  },
  {
    reason: 'tf.einsum: sf calls matMul',
    patterns: [/^einsum /, /^RGBToGrayscale (basic|should return int32)/],
  },
  {reason: 'ragged tensors: sf has none', patterns: [RAGGED]},
  {
    reason: 'gradients of depthwise convolutions: no detector of sf has one',
    patterns: [/^depthwiseConv2d gradients (wrt|gradient with clones)/, /^fused depthwiseConv2D gradient /],
  },
  {
    reason: 'tf.fused with a bias that is not a vector: sf fuses in its own convolution (src/engine/ops)',
    patterns: [
      /^fused (conv2d|depthwiseConv2D) .*with broadcasted bias and relu$/,
      /^fused conv2d gradient .*with bias$/,
      /^fused matmul fused A x B with 2d bias/,
      /^fused matmul fused A x B with relu and broadcasted bias different rank$/,
    ],
  },
  {reason: 'tf.image.threshold: sf calls it nowhere', patterns: [/^threshold method otsu/]},
];

const TORCH: readonly Exclusion[] = [
  {reason: 'complex numbers: sf has none', patterns: COMPLEX},
  {
    reason: 'strings: the engine computes on numbers, and sf puts no string into a tensor',
    patterns: [
      /^(equal|notEqual|less|lessEqual|greater|greaterEqual) should support string comparison$/,
      /^(concat3d Accepts|expandDims [12]d|slice .*accepts|stack accepts|unstack accepts|unique [123]d tensor with) string/,
      /^fill [12]D fill string$/,
      /^slice .*slice encoded string\.$/,
      /^sparseToDense should work for string$/,
      /^squeeze (default|specific dimension|all ones|squeeze only ones)$/,
      /^(staticRegexReplace|stringNGrams|stringSplit) /,
      /^stringToHashBucketFast (?!throw error)/,
      /^tensor (Scalar string dtype|reshape a string tensor)$/,
      /^tensor.toString [12]d long string tensor verbose$/,
      /^tile (1d|2d|6D) string tensor$/,
    ],
  },
  {reason: 'ragged tensors: sf has none', patterns: [RAGGED]},
];

/** The cpu engine is tfjs's own reference: it passes everything. */
export function exclusionsOf(engine: EngineName): readonly Exclusion[] {
  switch (engine) {
    case 'wasm':
      return WASM;
    case 'torch':
      return TORCH;
    case 'cpu':
    case 'tensorflow':
      return [];
  }
}
