/** Maximum pooling on the wasm engine. */
import {registerWasmKernel} from './kernel.js';

type Attributes = {size: number; stride: number; padding: number};
type Shape4 = [number, number, number, number];

export function registerMaxPool(): void {
  registerWasmKernel<Attributes>('SfMaxPool', ({inputs, attributes, backend, module}) => {
    const {size, stride, padding} = attributes;
    const [batch, height, width, channels] = inputs.x!.shape as Shape4;
    const outHeight = Math.floor((height + 2 * padding - size) / stride) + 1;
    const outWidth = Math.floor((width + 2 * padding - size) / stride) + 1;
    const y = backend.makeOutput([batch, outHeight, outWidth, channels], 'float32');
    module.call(
      'maxPool',
      ...[inputs.x!, y, batch, height, width, channels],
      ...[outHeight, outWidth, size, stride, padding],
    );
    return y;
  });
  registerWasmKernel<Attributes>('SfMaxPoolGrad', ({inputs, attributes, backend, module}) => {
    const {size, stride, padding} = attributes;
    const [batch, height, width, channels] = inputs.x!.shape as Shape4;
    const [, outHeight, outWidth] = inputs.y!.shape as Shape4;
    const dx = backend.makeOutput(inputs.x!.shape, 'float32');
    module.call(
      'maxPoolGradient',
      ...[inputs.dy!, inputs.x!, inputs.y!, dx, batch, height, width, channels],
      ...[outHeight, outWidth, size, stride, padding],
    );
    return dx;
  });
}
