/** Element-wise kernels of one tensor (native/unary.cc, native/convert.cc). */
import {functionsOf, type Handle} from '../addon.js';
import {dtypeCode} from '../backend.js';
import {registerTorchKernel} from './kernel.js';

/** Kernels without attributes; the addon calls them by the same names. */
const PLAIN = [
  'Abs',
  'Acos',
  'Acosh',
  'Asin',
  'Asinh',
  'Atan',
  'Atanh',
  'Ceil',
  'Cos',
  'Cosh',
  'Elu',
  'Erf',
  'Exp',
  'Expm1',
  'Floor',
  'IsFinite',
  'IsInf',
  'IsNan',
  'Log',
  'Log1p',
  'LogicalNot',
  'Neg',
  'OnesLike',
  'Reciprocal',
  'Relu',
  'Relu6',
  'Round',
  'Rsqrt',
  'Selu',
  'Sigmoid',
  'Sign',
  'Sin',
  'Sinh',
  'Softplus',
  'Sqrt',
  'Square',
  'Tan',
  'Tanh',
  'ZerosLike',
] as const;

type UnaryFunctions = Readonly<Record<(typeof PLAIN)[number], (x: Handle) => Handle>> & {
  cast(x: Handle, dtype: number): Handle;
  ClipByValue(x: Handle, low: number, high: number): Handle;
  LeakyRelu(x: Handle, alpha: number): Handle;
  Step(x: Handle, alpha: number): Handle;
};

export function registerUnary(): void {
  const native = functionsOf<UnaryFunctions>();
  for (const name of PLAIN) {
    const compute = native[name];
    registerTorchKernel(name, (backend, {x}) => backend.adopt(compute(backend.handle(x!))));
  }
  registerTorchKernel<{dtype: string}>('Cast', (backend, {x}, {dtype}) =>
    dtype === x!.dtype ? backend.share(x!) : backend.adopt(native.cast(backend.handle(x!), dtypeCode(dtype))),
  );
  registerTorchKernel<{clipValueMin: number; clipValueMax: number}>(
    'ClipByValue',
    (backend, {x}, {clipValueMin, clipValueMax}) =>
      backend.adopt(native.ClipByValue(backend.handle(x!), clipValueMin, clipValueMax)),
  );
  registerTorchKernel<{alpha: number}>('LeakyRelu', (backend, {x}, {alpha}) =>
    backend.adopt(native.LeakyRelu(backend.handle(x!), alpha)),
  );
  registerTorchKernel<{alpha: number}>('Step', (backend, {x}, {alpha}) =>
    backend.adopt(native.Step(backend.handle(x!), alpha)),
  );
}
