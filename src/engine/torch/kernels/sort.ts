/** The largest values, the different ones, and the place of values among sorted ones (native/sort.cc). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type SortFunctions = {
  /** Makes values and indices. */
  topK(x: Handle, k: number): number;
  /** Makes values and indices. */
  unique(x: Handle, axis: number): number;
  searchSorted(sorted: Handle, values: Handle, right: boolean): Handle;
};

export function registerSort(): void {
  const native = functionsOf<SortFunctions>();
  registerTorchKernel<{k: number}>('TopK', (backend, {x}, {k}) => {
    native.topK(backend.handle(x!), k);
    return backend.adoptAll();
  });
  registerTorchKernel<{axis: number}>('Unique', (backend, {x}, {axis}) => {
    native.unique(backend.handle(x!), axis);
    return backend.adoptAll();
  });
  registerTorchKernel<{side: 'left' | 'right'}>('SearchSorted', (backend, {sortedSequence, values}, {side}) =>
    backend.adopt(
      native.searchSorted(backend.handle(sortedSequence!), backend.handle(values!), side === 'right'),
    ),
  );
}
