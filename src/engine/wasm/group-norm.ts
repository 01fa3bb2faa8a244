/** Group normalisation on the wasm engine. */
import {registerWasmKernel} from './kernel.js';

type Attributes = {groups: number; epsilon: number; relu: boolean};
type Shape4 = [number, number, number, number];

export function registerGroupNorm(): void {
  registerWasmKernel<Attributes>('SfGroupNorm', ({inputs, attributes, backend, module}) => {
    const {groups, epsilon, relu} = attributes;
    const {x, gamma, beta} = inputs;
    const [batch, height, width, channels] = x!.shape as Shape4;
    const y = backend.makeOutput(x!.shape, 'float32');
    const mean = backend.makeOutput([batch, groups], 'float32');
    const inverse = backend.makeOutput([batch, groups], 'float32');
    module.withScratch(module.call('groupNormScratch', channels), scratch =>
      module.call(
        'groupNorm',
        ...[x!, gamma!, beta!, y, mean, inverse, scratch],
        ...[batch, height * width, channels, groups, epsilon, relu],
      ),
    );
    return [y, mean, inverse];
  });
  registerWasmKernel<Attributes>('SfGroupNormGrad', ({inputs, attributes, backend, module}) => {
    const {groups, relu} = attributes;
    const {dy, x, gamma, beta, mean, inverse} = inputs;
    const [batch, height, width, channels] = x!.shape as Shape4;
    const dx = backend.makeOutput(x!.shape, 'float32');
    const dgamma = backend.makeOutput([channels], 'float32');
    const dbeta = backend.makeOutput([channels], 'float32');
    module.withScratch(module.call('groupNormScratch', channels), scratch =>
      module.call(
        'groupNormGradient',
        ...[dy!, x!, gamma!, beta!, mean!, inverse!, dx, dgamma, dbeta, scratch],
        ...[batch, height * width, channels, groups, relu],
      ),
    );
    return [dx, dgamma, dbeta];
  });
}
