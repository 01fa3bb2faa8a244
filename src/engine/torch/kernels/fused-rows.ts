/** Rows by index on torch (native/rows.h). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type RowFunctions = {
  sfGatherRows(x: Handle, indices: Handle): Handle;
  sfScatterRows(dy: Handle, indices: Handle, rows: number): Handle;
};

export function registerFusedRows(): void {
  const native = functionsOf<RowFunctions>();
  registerTorchKernel('SfGatherRows', (backend, {x, indices}) =>
    backend.adopt(native.sfGatherRows(backend.handle(x!), backend.handle(indices!))),
  );
  registerTorchKernel<{rows: number}>('SfScatterRows', (backend, {dy, indices}, {rows}) =>
    backend.adopt(native.sfScatterRows(backend.handle(dy!), backend.handle(indices!), rows)),
  );
}
