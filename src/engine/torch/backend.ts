/** The tfjs backend `torch`: tensors are at::Tensors of the addon, contiguous in the shape that tfjs gives them. */
import * as tf from '@tensorflow/tfjs';
import {RunError} from '../../errors.js';
import {type CoreFunctions, type Handle, loadAddon} from './addon.js';

/** tfjs's name of the backend, and of the engine. */
export const BACKEND_NAME = 'torch';

type TensorInfo = tf.TensorInfo;
type DataId = tf.TensorInfo['dataId'];

/** The dtypes in the order of native/tensors.h. */
const DTYPES = ['float32', 'int32', 'bool'] as const;

/** What the addon calls a dtype. @throws RunError for one that it does not compute on */
export function dtypeCode(dtype: string): number {
  const code = (DTYPES as readonly string[]).indexOf(dtype);
  if (code < 0) throw new RunError(`engine torch has no ${dtype} tensors`);
  return code;
}

/** An error of the addon; others have no code, or another one. */
export type NativeError = Error & {readonly code?: 'OUT_OF_MEMORY' | 'NATIVE'};

const NO_HANDLE = -1;

/**
 * A tensor's data: its own dataId, so that tfjs finds it without a table, and the TensorInfo that a kernel returns, so
 * that a small kernel makes one object.
 */
class TensorData implements tf.TensorInfo {
  readonly dataId: DataId = this;
  /** NO_HANDLE for strings, which stay in JavaScript, and for data that is not in this backend any more. */
  handle: Handle = NO_HANDLE;
  strings: Uint8Array[] | undefined = undefined;
  /** 0 for data that is not in this backend any more. */
  refCount = 1;

  constructor(
    public shape: number[],
    public dtype: tf.DataType,
  ) {}
}

export class TorchBackend extends tf.KernelBackend {
  readonly native: CoreFunctions = loadAddon();
  private readonly results = this.native.results();
  /** Data that another backend made and tfjs moved here, by the dataId that it has there. */
  private readonly moved = new WeakMap<DataId, TensorData>();
  private count = 0;

  /** The native tensor of an input. */
  handle({dataId, dtype}: TensorInfo): Handle {
    const {handle} = dataId instanceof TensorData && dataId.refCount > 0 ? dataId : this.find(dataId);
    if (handle === NO_HANDLE) throw new RunError(`engine torch computes on numbers, not on ${dtype} tensors`);
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

  /** The same data once more, as the result of a kernel. */
  share({dataId, shape, dtype}: TensorInfo): TensorInfo {
    this.incRef(dataId);
    return {dataId, shape, dtype};
  }

  /** @param position of the tensor's dtype in the results */
  private adoptAt(handle: Handle, position: number): TensorInfo {
    const {results} = this;
    const shape: number[] = [];
    const end = position + 2 + results[position + 1]!;
    for (let i = position + 2; i < end; i++) shape.push(results[i]!);
    const data = new TensorData(shape, DTYPES[results[position]!]!);
    data.handle = handle;
    this.count++;
    return data;
  }

  /** The data of a dataId that is not simply here: tfjs moves it from the backend that has it. */
  private find(dataId: DataId): TensorData {
    const data = this.here(dataId);
    if (data !== undefined) return data;
    tf.engine().moveData(this, dataId);
    return this.here(dataId)!;
  }

  private here(dataId: DataId): TensorData | undefined {
    const data = dataId instanceof TensorData ? dataId : this.moved.get(dataId);
    return data !== undefined && data.refCount > 0 ? data : undefined;
  }

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): DataId {
    const data = new TensorData(shape, dtype);
    this.fill(data, values);
    return data;
  }

  override move(
    dataId: DataId,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    const own = dataId instanceof TensorData;
    const data = own ? dataId : new TensorData(shape, dtype);
    data.shape = shape;
    data.dtype = dtype;
    this.fill(data, values);
    data.refCount = refCount;
    if (!own) this.moved.set(dataId, data);
  }

  private fill(data: TensorData, values: tf.backend_util.BackendValues): void {
    const {shape, dtype} = data;
    if (dtype === 'string') {
      data.strings = values as Uint8Array[];
    } else {
      const typed = typedValues(values, shape, dtype);
      data.handle =
        shape.length === 0
          ? this.native.fromNumber(typed[0]!, dtypeCode(dtype))
          : this.native.fromValues(typed, shape);
    }
    this.count++;
  }

  override readSync(dataId: DataId): tf.backend_util.BackendValues {
    const {handle, strings, shape, dtype} = this.find(dataId);
    if (handle === NO_HANDLE) return strings ?? [];
    const into = emptyValues(tf.util.sizeFromShape(shape), dtype);
    this.native.read(handle, into);
    return into;
  }

  override async read(dataId: DataId): Promise<tf.backend_util.BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const data = this.here(dataId);
    if (data === undefined) return true;
    data.refCount = force ? 0 : data.refCount - 1;
    if (data.refCount > 0) return false;
    this.count--;
    if (data.handle !== NO_HANDLE) this.native.release(data.handle);
    data.handle = NO_HANDLE;
    data.strings = undefined;
    return true;
  }

  override refCount(dataId: DataId): number {
    return this.here(dataId)?.refCount ?? 0;
  }

  override incRef(dataId: DataId): void {
    this.find(dataId).refCount++;
  }

  override numDataIds(): number {
    return this.count;
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

  /** tfjs forgets all tensors of a backend that it disposes of. */
  override dispose(): void {
    this.native.releaseAll();
  }
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
