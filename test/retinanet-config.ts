/** RetinaNet among the models that a run can have. */
import type {RetinaNetConfig} from '../src/config/network.js';
import type {ModelConfig} from '../src/config/run.js';

/** @throws Error when the model is another detector */
export function asRetinaNet(model: ModelConfig): RetinaNetConfig {
  if (model.kind !== 'retinanet') throw new Error(`expected a RetinaNet, found ${model.kind}`);
  return model;
}
