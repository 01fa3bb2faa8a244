/** Harmonized losses on torch: one pass that counts and sums, one pass backward (native/harmonized.h). */
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

export type HarmonizedFunctions = {
  sfHarmonizedCrossEntropy(
    ...values: [...Examples, sums: Handle, levelCounts: readonly number[], momentum: number]
  ): number;
  sfHarmonizedCrossEntropyGrad(
    ...values: [dy: Handle, ...Examples, table: Handle, levelCounts: readonly number[]]
  ): Handle;
  sfHarmonizedL1(...values: [...Boxes, sums: Handle, levels: number, mu: number, momentum: number]): number;
  sfHarmonizedL1Grad(...values: [dy: Handle, ...Boxes, table: Handle, mu: number]): Handle;
};
type Examples = [logits: Handle, labels: Handle, weights: Handle];
type Boxes = [predicted: Handle, target: Handle, level: Handle];

export function registerHarmonizedLosses(): void {
  const native = functionsOf<HarmonizedFunctions>();

  registerTorchKernel<{levelCounts: readonly number[]; momentum: number}>(
    'SfHarmonizedCrossEntropy',
    (backend, {logits, labels, weights, sums}, {levelCounts, momentum}) => {
      native.sfHarmonizedCrossEntropy(
        backend.handle(logits!),
        backend.handle(labels!),
        backend.handle(weights!),
        backend.handle(sums!),
        levelCounts,
        momentum,
      );
      return backend.adoptAll();
    },
  );
  registerTorchKernel<{levelCounts: readonly number[]}>(
    'SfHarmonizedCrossEntropyGrad',
    (backend, {dy, logits, labels, weights, table}, {levelCounts}) =>
      backend.adopt(
        native.sfHarmonizedCrossEntropyGrad(
          backend.handle(dy!),
          backend.handle(logits!),
          backend.handle(labels!),
          backend.handle(weights!),
          backend.handle(table!),
          levelCounts,
        ),
      ),
  );
  registerTorchKernel<{levels: number; mu: number; momentum: number}>(
    'SfHarmonizedL1',
    (backend, {predicted, target, level, sums}, {levels, mu, momentum}) => {
      native.sfHarmonizedL1(
        backend.handle(predicted!),
        backend.handle(target!),
        backend.handle(level!),
        backend.handle(sums!),
        levels,
        mu,
        momentum,
      );
      return backend.adoptAll();
    },
  );
  registerTorchKernel<{mu: number}>(
    'SfHarmonizedL1Grad',
    (backend, {dy, predicted, target, level, table}, {mu}) =>
      backend.adopt(
        native.sfHarmonizedL1Grad(
          backend.handle(dy!),
          backend.handle(predicted!),
          backend.handle(target!),
          backend.handle(level!),
          backend.handle(table!),
          mu,
        ),
      ),
  );
}
