/** Engines by name: what `--engine` and the machine settings may say. The engines themselves are in src/engine. */

/** Another engine enters here, in ENGINE_CHOICES, in AUTO_ORDER and in the drivers of src/engine/open.ts. */
export type EngineName = 'torch' | 'tensorflow' | 'wasm' | 'cpu';
export type EngineChoice = 'auto' | EngineName;

/** The values of `--engine`. */
export const ENGINE_CHOICES = [
  'auto',
  'torch',
  'tensorflow',
  'wasm',
  'cpu',
] as const satisfies readonly EngineChoice[];

/** What `auto` tries, the fastest first. `cpu` is the reference of the tests and never a default. */
export const AUTO_ORDER = ['torch', 'tensorflow', 'wasm'] as const satisfies readonly EngineName[];

export const PRECISIONS = ['fp32', 'tf32', 'bf16'] as const;
/** What convolutions and matrix products multiply in; parameters, losses and reductions are float32 always. */
export type Precision = (typeof PRECISIONS)[number];

/** `auto` is a GPU where there is one; `cuda` is its first. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

export function isDevice(text: string): text is Device {
  return /^(auto|cpu|cuda(:(0|[1-9]\d?))?)$/.test(text);
}

/** How an engine computes; those that have no choice refuse anything but the default. */
export type EngineOptions = {
  readonly device: Device;
  readonly precision: Precision;
  /** Threads of the CPU; null for one a core. */
  readonly threads: number | null;
  /** Only kernels whose result is the same bit for bit at every run. */
  readonly deterministic: boolean;
};

export const DEFAULT_ENGINE_OPTIONS: EngineOptions = {
  device: 'auto',
  precision: 'fp32',
  threads: null,
  deterministic: false,
};
