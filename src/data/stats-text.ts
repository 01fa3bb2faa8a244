/** Data-set figures and findings for people; `--json` writes the plain objects. */
import {visibleText} from '../errors.js';
import type {DataReport, Finding} from './check.js';
import type {DatasetStats, ImbalanceStats, Spread} from './stats.js';

/** Ends with a line break. */
export function formatStats(stats: DatasetStats): string {
  const rows: (readonly [label: string, value: string])[] = [
    ['images', `${whole(stats.images)}, ${whole(stats.imagesWithoutObjects)} of them without objects`],
    [
      'objects',
      `${whole(stats.objects)}, besides ${whole(stats.crowds)} crowds and ${whole(stats.ignored)} ignored`,
    ],
    ['sizes', sizesText(stats)],
  ];
  const table = [
    ['', 'min', '5 %', 'median', 'mean', '95 %', 'max'],
    ...spreadRow('objects an image', stats.objectsPerImage),
    ...spreadRow('box side (px)', stats.boxSide),
    ...spreadRow('box height / width', stats.aspectRatio),
    ...spreadRow('image width', stats.imageWidth),
    ...spreadRow('image height', stats.imageHeight),
  ];
  const classes = [
    ['class', 'id', 'images', 'objects', 'share', 'crowds', 'ignored'],
    ...stats.classes.map(({name, categoryId, images, objects, crowds, ignored}) => [
      visibleText(name),
      String(categoryId),
      whole(images),
      whole(objects),
      share(objects, stats.objects),
      whole(crowds),
      whole(ignored),
    ]),
  ];
  return `${stats.name}\n${labelled(rows)}\n${columns(table)}\n${columns(classes)}`;
}

function sizesText({sizes: {small, medium, large}, objects}: DatasetStats): string {
  const part = (name: string, count: number) => `${whole(count)} ${name} (${share(count, objects)})`;
  return `${part('small', small)}, ${part('medium', medium)}, ${part('large', large)}; areas below 32^2, below 96^2, above`;
}

/**
 * @param counted which anchors were counted, at what size: `retinanet_R_50_FPN_1x, 800/1333`
 * @returns text that ends with a line break
 */
export function formatImbalance(stats: ImbalanceStats, counted: string): string {
  const {examples, foreground, ratio, prior, bias} = stats;
  return `imbalance of ${counted}\n${labelled([
    ['N', whole(examples)],
    ['N_f', whole(foreground)],
    ['N / N_f', ratio === null ? 'none is foreground' : ratio.toFixed(1)],
    ['optimal pi', prior === null ? '-' : prior.toExponential(4)],
    ['optimal bias', bias === null ? '-' : bias.toFixed(4)],
  ])}`;
}

/** Ends with a line break. */
export function formatReport(report: DataReport): string {
  const {name, images, objects, findings, errors, warnings} = report;
  const head = `${name}: ${whole(images)} images, ${whole(objects)} objects: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}\n`;
  return head + findings.map(findingText).join('');
}

function findingText({severity, kind, count, examples}: Finding): string {
  const more = count > examples.length ? [`... and ${whole(count - examples.length)} more`] : [];
  const lines = [...examples, ...more].map(line => `    ${line}\n`);
  return `${severity}: ${kind}: ${whole(count)}\n${lines.join('')}`;
}

function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function spreadRow(label: string, spread: Spread | null): readonly (readonly string[])[] {
  if (spread === null) return [];
  const {min, p5, median, mean, p95, max} = spread;
  return [[label, ...[min, p5, median, mean, p95, max].map(figure)]];
}

/** Three digits that count, or all before the point. */
function figure(value: number): string {
  return Number.isInteger(value) || value >= 100
    ? whole(Math.round(value))
    : String(Number(value.toPrecision(3)));
}

function whole(value: number): string {
  return value.toLocaleString('en-US');
}

function share(part: number, total: number): string {
  return total === 0 ? '-' : `${((100 * part) / total).toFixed(1)} %`;
}

function labelled(rows: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`).join('');
}

/** The first column to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)));
  const cell = (text: string, i: number) =>
    i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
  return rows.map(row => `  ${row.map(cell).join('  ').trimEnd()}\n`).join('');
}
