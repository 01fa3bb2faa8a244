/** Registers every kernel of the backend `torch`, a family at a time. */
import {registerStorageKernels} from './storage.js';

let registered = false;

/** Call once the addon is loaded; further calls do nothing. */
export function registerTorchKernels(): void {
  if (registered) return;
  registered = true;
  registerStorageKernels();
}
