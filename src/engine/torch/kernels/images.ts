/** Images of another size, crops of them, and images turned and transformed, on torch (native/{resize,crop,warp}.cc). */
import * as tf from '@tensorflow/tfjs';
import {functionsOf, type Handle} from '../addon.js';
import {registerTorchKernel} from './kernel.js';

type Resize = (
  images: Handle,
  height: number,
  width: number,
  alignCorners: boolean,
  halfPixelCenters: boolean,
) => Handle;

type ImageFunctions = {
  resizeBilinear: Resize;
  resizeNearest: Resize;
  /** Of dy, to the height and width of the images. */
  resizeBilinearGrad: Resize;
  resizeNearestGrad: Resize;
  cropAndResize(
    image: Handle,
    boxes: Handle,
    boxInd: Handle,
    height: number,
    width: number,
    bilinear: boolean,
    extrapolationValue: number,
  ): Handle;
  rotate(image: Handle, radians: number, centerX: number, centerY: number, fill: readonly number[]): Handle;
  transform(
    image: Handle,
    transforms: Handle,
    height: number,
    width: number,
    bilinear: boolean,
    fillMode: string,
    fillValue: number,
  ): Handle;
};

/** What tf.image.rotateWithOffset gives a fourth channel outside of the image. */
const OPAQUE = 255;

export function registerImageKernels(): void {
  registerResizeKernels();
  registerWarpKernels();
  const native = functionsOf<ImageFunctions>();

  registerTorchKernel<tf.CropAndResizeAttrs>('CropAndResize', (backend, inputs, attributes) => {
    const {cropSize, method, extrapolationValue} = attributes;
    return backend.adopt(
      native.cropAndResize(
        backend.handle(inputs.image!),
        backend.handle(inputs.boxes!),
        backend.handle(inputs.boxInd!),
        ...cropSize,
        method === 'bilinear',
        extrapolationValue,
      ),
    );
  });
}

function registerResizeKernels(): void {
  const native = functionsOf<ImageFunctions>();
  const forward = (kernelName: string, resize: Resize): void =>
    registerTorchKernel<tf.ResizeBilinearAttrs>(kernelName, (backend, {images}, attributes) => {
      const {size, alignCorners, halfPixelCenters} = attributes;
      return backend.adopt(resize(backend.handle(images!), ...size, alignCorners, halfPixelCenters));
    });
  const gradient = (kernelName: string, spread: Resize): void =>
    registerTorchKernel<tf.ResizeBilinearAttrs>(kernelName, (backend, {images, dy}, attributes) => {
      const [, height, width] = images!.shape as [number, number, number, number];
      const {alignCorners, halfPixelCenters} = attributes;
      return backend.adopt(spread(backend.handle(dy!), height, width, alignCorners, halfPixelCenters));
    });
  forward('ResizeBilinear', native.resizeBilinear);
  forward('ResizeNearestNeighbor', native.resizeNearest);
  gradient('ResizeBilinearGrad', native.resizeBilinearGrad);
  gradient('ResizeNearestNeighborGrad', native.resizeNearestGrad);
}

function registerWarpKernels(): void {
  const native = functionsOf<ImageFunctions>();

  registerTorchKernel<tf.RotateWithOffsetAttrs>('RotateWithOffset', (backend, {image}, attributes) => {
    const {radians, fillValue, center} = attributes;
    const [, height, width, channels] = image!.shape as [number, number, number, number];
    const [x, y] = tf.backend_util.getImageCenter(center, height, width);
    const fill = Array.from({length: channels}, (_, channel) =>
      typeof fillValue === 'number' ? fillValue : channel === 3 ? OPAQUE : (fillValue[channel] ?? 0),
    );
    return backend.adopt(native.rotate(backend.handle(image!), radians, x, y, fill));
  });

  registerTorchKernel<tf.TransformAttrs>('Transform', (backend, {image, transforms}, attributes) => {
    const {interpolation, fillMode, fillValue, outputShape} = attributes;
    const [, imageHeight, imageWidth] = image!.shape as [number, number, number, number];
    const [height, width] = outputShape ?? [imageHeight, imageWidth];
    return backend.adopt(
      native.transform(
        backend.handle(image!),
        backend.handle(transforms!),
        height,
        width,
        interpolation === 'bilinear',
        fillMode,
        fillValue,
      ),
    );
  });
}
