/** The operations of detectors on torch: RoIAlign, non-maximum suppression, top-k (native/roi_align.h, nms.h, top_k.cc). */
import type {NmsAttributes} from '../../ops/nms.js';
import {featuresName, type RoiAlignAttributes, type RoiAlignGradientAttributes} from '../../ops/roi-align.js';
import type {TopKAttributes} from '../../ops/top-k.js';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type DetectionFunctions = {
  sfRoiAlign(
    features: readonly Handle[],
    rois: Handle,
    imageIndex: Handle,
    level: Handle,
    height: number,
    width: number,
    scales: readonly number[],
    samplingRatio: number,
    aligned: boolean,
  ): Handle;
  sfRoiAlignGrad(
    dy: Handle,
    rois: Handle,
    imageIndex: Handle,
    level: Handle,
    shape: readonly number[],
    of: number,
    scale: number,
    samplingRatio: number,
    aligned: boolean,
  ): Handle;
  sfNms(
    boxes: Handle,
    scores: Handle,
    classes: Handle | undefined,
    iouThreshold: number,
    maxOutput: number,
  ): Handle;
  sfTopK(x: Handle, lengths: readonly number[], k: number, bounded: boolean, above: number): number;
};

export function registerDetection(): void {
  const native = functionsOf<DetectionFunctions>();
  registerTorchKernel<RoiAlignAttributes>('SfRoiAlign', (backend, inputs, attributes) => {
    const {outputHeight, outputWidth, samplingRatio, aligned, scales} = attributes;
    return backend.adopt(
      native.sfRoiAlign(
        scales.map((_, level) => backend.handle(inputs[featuresName(level)]!)),
        backend.handle(inputs.rois!),
        backend.handle(inputs.imageIndex!),
        backend.handle(inputs.level!),
        outputHeight,
        outputWidth,
        scales,
        samplingRatio,
        aligned,
      ),
    );
  });
  registerTorchKernel<RoiAlignGradientAttributes>('SfRoiAlignGrad', (backend, inputs, attributes) => {
    const {of, shapes, scales, samplingRatio, aligned} = attributes;
    return backend.adopt(
      native.sfRoiAlignGrad(
        backend.handle(inputs.dy!),
        backend.handle(inputs.rois!),
        backend.handle(inputs.imageIndex!),
        backend.handle(inputs.level!),
        shapes.slice(4 * of, 4 * of + 4),
        of,
        scales[of]!,
        samplingRatio,
        aligned,
      ),
    );
  });
  registerTorchKernel<NmsAttributes>('SfNms', (backend, {boxes, scores, classes}, attributes) =>
    backend.adopt(
      native.sfNms(
        backend.handle(boxes!),
        backend.handle(scores!),
        classes === undefined ? undefined : backend.handle(classes),
        attributes.iouThreshold,
        attributes.maxOutput,
      ),
    ),
  );
  registerTorchKernel<TopKAttributes>('SfTopK', (backend, {x}, {lengths, k, bounded, above}) => {
    native.sfTopK(backend.handle(x!), lengths, k, bounded, above);
    return backend.adoptAll();
  });
}
