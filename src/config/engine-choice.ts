/** Engines by name: what `--engine` and the machine settings may say. The engines themselves are in src/engine. */

/** Another engine enters here, in ENGINE_CHOICES, in AUTO_ORDER and in the drivers of src/engine/open.ts. */
export type EngineName = 'tensorflow' | 'wasm' | 'cpu';
export type EngineChoice = 'auto' | EngineName;

/** The values of `--engine`. */
export const ENGINE_CHOICES = [
  'auto',
  'tensorflow',
  'wasm',
  'cpu',
] as const satisfies readonly EngineChoice[];

/** What `auto` tries, the fastest first. `cpu` is the reference of the tests and never a default. */
export const AUTO_ORDER = ['tensorflow', 'wasm'] as const satisfies readonly EngineName[];
