/** The `cpu` engine: tfjs's own JavaScript backend. The reference of the tests, too slow for anything else. */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../errors.js';
import type {EngineDriver, OpenedBackend} from './engine.js';
import {processMemory} from './memory.js';

const DETAIL = 'plain JavaScript, one thread: the reference of the tests, slow';

async function open(): Promise<OpenedBackend> {
  if (!(await tf.setBackend('cpu')))
    throw new RunError('engine cpu: tfjs could not start its JavaScript backend; reinstall with npm ci');
  const backend: object = tf.backend();
  // The backend greets at its first tensor and advises to install tfjs-node; the person has chosen this one.
  if ('firstUse' in backend) backend.firstUse = false;
  return {version: tf.version_core, detail: DETAIL, onGpu: false, memory: processMemory};
}

export const cpuDriver: EngineDriver = {
  name: 'cpu',
  probe: async () => ({name: 'cpu', available: true, detail: `tfjs ${tf.version_core}, ${DETAIL}`}),
  open,
};
