/** The tfjs backend `torch`: tensors are at::Tensors of the addon, contiguous in the shape that tfjs gives them. */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../../errors.js';
import {type CoreFunctions, type Handle, loadAddon} from './addon.js';

/** tfjs's name of the backend, and of the engine. */
export const BACKEND_NAME = 'torch';

type TensorInfo = tf.TensorInfo;
type DataId = tf.TensorInfo['dataId'];

type Entry = {
  /** Undefined for strings, which stay in JavaScript. */
  readonly handle: Handle | undefined;
  readonly strings: Uint8Array[] | undefined;
  readonly shape: number[];
  readonly dtype: tf.DataType;
  refCount: number;
};

/** The dtypes in the order of native/tensors.h. */
const DTYPES = ['float32', 'int32', 'bool'] as const;

/** What the addon calls a dtype. @throws RunError for one that it does not compute on */
export function dtypeCode(dtype: string): number {
  const code = DTYPES.findIndex(name => name === dtype);
  if (code < 0) throw new RunError(`engine torch has no ${dtype} tensors`);
  return code;
}

/** An error of the addon; memory that ran out is told as the engine's own failure. */
export type NativeError = Error & {readonly code?: string};

export class TorchBackend extends tf.KernelBackend {
  readonly native: CoreFunctions = loadAddon();
  private readonly results = this.native.results();
  private readonly entries = new tf.DataStorage<Entry>(this, tf.engine());

  /** The native tensor of an input. */
  handle({dataId, dtype}: TensorInfo): Handle {
    const {handle} = this.entries.get(dataId);
    if (handle === undefined) throw new RunError(`engine torch computes on numbers, not on ${dtype} tensors`);
    return handle;
  }

  /** The only tensor that the last native call made, as the result of a kernel. */
  adopt(handle: Handle): TensorInfo {
    return this.adoptAt(handle, 2);
  }

  /** All tensors that the last native call made, in order. */
  adoptAll(): TensorInfo[] {
    const {results} = this;
    const infos: TensorInfo[] = [];
    let position = 1;
    for (let i = 0; i < results[0]!; i++) {
      infos.push(this.adoptAt(results[position]!, position + 1));
      position += 3 + results[position + 2]!;
    }
    return infos;
  }

  /** @param position of the tensor's dtype in the results */
  private adoptAt(handle: Handle, position: number): TensorInfo {
    const {results} = this;
    const start = position + 2;
    const shape = Array.from(results.subarray(start, start + results[position + 1]!));
    const dtype = DTYPES[results[position]!]!;
    const dataId = {};
    this.entries.set(dataId, {handle, strings: undefined, shape, dtype, refCount: 1});
    return {dataId, shape, dtype};
  }

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): DataId {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: DataId,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    if (dtype === 'string') {
      this.entries.set(dataId, {
        handle: undefined,
        strings: values as Uint8Array[],
        shape,
        dtype,
        refCount,
      });
      return;
    }
    const handle = this.native.fromValues(typedValues(values, shape, dtype), shape);
    this.entries.set(dataId, {handle, strings: undefined, shape, dtype, refCount});
  }

  override readSync(dataId: DataId): tf.backend_util.BackendValues {
    const {handle, strings, shape, dtype} = this.entries.get(dataId);
    if (handle === undefined) return strings ?? [];
    const into = emptyValues(tf.util.sizeFromShape(shape), dtype);
    this.native.read(handle, into);
    return into;
  }

  override async read(dataId: DataId): Promise<tf.backend_util.BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.entries.has(dataId)) return true;
    const entry = this.entries.get(dataId);
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    this.entries.delete(dataId);
    if (entry.handle !== undefined) this.native.release(entry.handle);
    return true;
  }

  override refCount(dataId: DataId): number {
    return this.entries.has(dataId) ? this.entries.get(dataId).refCount : 0;
  }

  override incRef(dataId: DataId): void {
    this.entries.get(dataId).refCount++;
  }

  override numDataIds(): number {
    return this.entries.numDataIds();
  }

  override memory(): {unreliable: boolean} {
    return {unreliable: false};
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override timerAvailable(): boolean {
    return true;
  }

  /** Runs `f` to its end on the device. */
  override async time(f: () => void): Promise<{kernelMs: number}> {
    this.native.synchronize();
    const start = performance.now();
    f();
    this.native.synchronize();
    return {kernelMs: performance.now() - start};
  }

  override dispose(): void {}
}

/** The values as the typed array of their dtype; absent values are zeros. */
function typedValues(
  values: tf.backend_util.BackendValues | null | undefined,
  shape: readonly number[],
  dtype: tf.DataType,
): Float32Array | Int32Array | Uint8Array {
  if (values === null || values === undefined) return emptyValues(tf.util.sizeFromShape([...shape]), dtype);
  switch (dtype) {
    case 'float32':
      return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
    case 'int32':
      return values instanceof Int32Array ? values : Int32Array.from(values as ArrayLike<number>);
    case 'bool':
      return values instanceof Uint8Array ? values : Uint8Array.from(values as ArrayLike<number>);
    default:
      throw new RunError(`engine torch has no ${dtype} tensors`);
  }
}

function emptyValues(size: number, dtype: tf.DataType): Float32Array | Int32Array | Uint8Array {
  switch (dtype) {
    case 'int32':
      return new Int32Array(size);
    case 'bool':
      return new Uint8Array(size);
    default:
      return new Float32Array(size);
  }
}
