/** Running sums and products along an axis (native/scan.cc). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

const SCANS = ['Cumprod', 'Cumsum'] as const;

type ScanFunctions = Readonly<
  Record<(typeof SCANS)[number], (x: Handle, axis: number, exclusive: boolean, reverse: boolean) => Handle>
>;
type Scan = {axis: number; exclusive: boolean; reverse: boolean};

export function registerScan(): void {
  const native = functionsOf<ScanFunctions>();
  for (const name of SCANS) {
    const compute = native[name];
    registerTorchKernel<Scan>(name, (backend, {x}, {axis, exclusive, reverse}) =>
      backend.adopt(compute(backend.handle(x!), axis, exclusive, reverse)),
    );
  }
}
