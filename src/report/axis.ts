/** Where the ticks of a chart's axis stand and what they say. */

export type Scale = 'linear' | 'log';

export type Axis = {
  readonly scale: Scale;
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly {readonly value: number; readonly label: string}[];
  /** Place of a value on the axis: 0 at `min`, 1 at `max`. */
  readonly place: (value: number) => number;
};

/** An axis that holds all `values` (finite, and above 0 if it is logarithmic) and ends at ticks. */
export function makeAxis(values: Iterable<number>, scale: Scale, wantedTicks: number): Axis {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = scale === 'log' ? [0.1, 1] : [0, 1];
  return scale === 'log' ? logAxis(low, high, wantedTicks) : linearAxis(low, high, wantedTicks);
}

/** Ticks at multiples of 1, 2 or 5 times a power of ten. */
function linearAxis(low: number, high: number, wantedTicks: number): Axis {
  // A constant gets room on both sides; an axis of positive numbers that begins near 0 begins at 0.
  const flat = high === low ? Math.abs(low) / 2 || 1 : 0;
  const from = low >= 0 && low < (high - low) / 2 ? 0 : low - flat;
  const to = high + flat;
  const step = niceStep((to - from) / wantedTicks);
  const first = Math.floor(from / step + 1e-9);
  const last = Math.ceil(to / step - 1e-9);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = Array.from({length: last - first + 1}, (_, i) => {
    const value = (first + i) * step;
    return {value, label: linearLabel(value, step, decimals)};
  });
  const [min, max] = [first * step, last * step];
  return {scale: 'linear', min, max, ticks, place: value => (value - min) / (max - min)};
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find(candidate => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** 90000 is 90k; steps below 1 have as many decimals as they need. */
function linearLabel(value: number, step: number, decimals: number): string {
  if (value === 0) return '0';
  if (step >= 1e9 || (step < 1e-4 && decimals > 4)) return value.toExponential(1).replace('e+', 'e');
  for (const [size, suffix] of [
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (step >= size) return `${Number((value / size).toFixed(3))}${suffix}`;
  }
  return value.toFixed(decimals);
}

/** Ticks at powers of ten; also at 2 and 5 times them where there is room, every other power where there is none. */
function logAxis(low: number, high: number, wantedTicks: number): Axis {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  const factors = (last - first) * 3 <= wantedTicks ? [1, 2, 5] : [1];
  const every = Math.ceil((last - first) / wantedTicks);
  const ticks: {value: number; label: string}[] = [];
  for (let power = first; power <= last; power += every) {
    for (const factor of power === last ? [1] : factors) {
      const value = Number(`${factor}e${power}`);
      ticks.push({value, label: logLabel(value, power)});
    }
  }
  const [min, max] = [first, last];
  return {
    scale: 'log',
    min: 10 ** first,
    max: 10 ** last,
    ticks,
    place: value => (Math.log10(value) - min) / (max - min),
  };
}

function logLabel(value: number, power: number): string {
  return power >= -3 && power <= 4 ? String(value) : value.toExponential(0).replace('e+', 'e');
}
