/** Element-wise kernels of several tensors, broadcast to one shape (native/binary.cc). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

/** Kernels of the inputs a and b; the addon calls them by the same names. */
const PLAIN = [
  'Add',
  'Atan2',
  'BitwiseAnd',
  'Equal',
  'FloorDiv',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
  'Maximum',
  'Minimum',
  'Mod',
  'Multiply',
  'NotEqual',
  'Pow',
  'RealDiv',
  'SquaredDifference',
  'Sub',
] as const;

type BinaryFunctions = Readonly<Record<(typeof PLAIN)[number], (a: Handle, b: Handle) => Handle>> & {
  AddN(tensors: readonly Handle[]): Handle;
  EluGrad(dy: Handle, y: Handle): Handle;
  Prelu(x: Handle, alpha: Handle): Handle;
  Select(condition: Handle, t: Handle, e: Handle): Handle;
};

export function registerBinary(): void {
  const native = functionsOf<BinaryFunctions>();
  for (const name of PLAIN) {
    const compute = native[name];
    registerTorchKernel(name, (backend, {a, b}) =>
      backend.adopt(compute(backend.handle(a!), backend.handle(b!))),
    );
  }
  registerTorchKernel('AddN', (backend, inputs) =>
    backend.adopt(native.AddN(Object.values(inputs).map(tensor => backend.handle(tensor)))),
  );
  registerTorchKernel('EluGrad', (backend, {dy, y}) =>
    backend.adopt(native.EluGrad(backend.handle(dy!), backend.handle(y!))),
  );
  registerTorchKernel('Prelu', (backend, {x, alpha}) =>
    backend.adopt(native.Prelu(backend.handle(x!), backend.handle(alpha!))),
  );
  registerTorchKernel('Select', (backend, {condition, t, e}) =>
    backend.adopt(native.Select(backend.handle(condition!), backend.handle(t!), backend.handle(e!))),
  );
}
