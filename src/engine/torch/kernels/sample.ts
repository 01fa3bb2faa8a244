/** Random draws (native/sample.cc). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type SampleFunctions = {
  multinomial(logits: Handle, count: number, seed: number, areProbabilities: boolean): Handle;
};
type Multinomial = {numSamples: number; seed: number; normalized: boolean};

export function registerSample(): void {
  const native = functionsOf<SampleFunctions>();
  registerTorchKernel<Multinomial>('Multinomial', (backend, {logits}, {numSamples, seed, normalized}) =>
    backend.adopt(native.multinomial(backend.handle(logits!), numSamples, seed, normalized)),
  );
}
