/** Layers one after the other. */
import type {Layer} from './convolution-layer.js';

/**
 * Applies the layers in order. What lies between two of them is disposed once the second has read it: without a gradient
 * tape nothing else needs it, and a tape holds what it saves by handles of its own.
 */
export function sequence(layers: readonly Layer[]): Layer {
  return x =>
    layers.reduce((y, layer) => {
      const next = layer(y);
      if (y !== x) y.dispose();
      return next;
    }, x);
}
