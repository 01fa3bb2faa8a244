/** Tables of paper | measured | difference, as text for terminals, Markdown and JSON. */
import type {Cell, Provenance} from './cell.js';
import type {PaperMetric, PaperRow, PaperTable, PaperValue} from './paper.js';
import {
  type CellOf,
  type ClaimVerdict,
  claimVerdicts,
  divergenceVerdict,
  signed,
  type Verdict,
} from './verdict.js';

export type ComparisonCell = {
  /** Absent where the paper gives no number. */
  readonly paper: PaperValue | undefined;
  readonly measured: Cell;
  /** Measured minus paper; absent unless both are numbers. */
  readonly difference: number | undefined;
  /** What is gained over the same figure of the table's baseline row; absent without such a row, and in it. */
  readonly gain: {readonly paper: number | undefined; readonly measured: number | undefined};
};

export type ComparisonRow = {
  readonly id: string;
  readonly label: string;
  readonly group: string | undefined;
  readonly cells: readonly ComparisonCell[]; // by metric
  readonly verdict: Verdict;
};

export type Comparison = {
  readonly paper: PaperTable;
  readonly metrics: readonly PaperMetric[];
  readonly rows: readonly ComparisonRow[];
  readonly claims: readonly ClaimVerdict[];
  /** What the measured cells were made with; several if rows were made differently. */
  readonly provenance: readonly Provenance[];
};

/**
 * Puts measured cells beside the paper's numbers.
 * @param rows ids of the rows to show, in the paper's order; absent: all
 */
export function compareWithPaper(paper: PaperTable, cellOf: CellOf, rows?: readonly string[]): Comparison {
  const shown = paper.rows.filter(({id}) => rows === undefined || rows.includes(id));
  const compared = shown.map(row => compareRow(row, paper, cellOf));
  return {
    paper,
    metrics: paper.metrics,
    rows: compared,
    claims: claimVerdicts(paper, cellOf).filter(({claim}) =>
      [claim.row, claim.than].every(id => shown.some(row => row.id === id)),
    ),
    provenance: provenanceOf(compared),
  };
}

function compareRow(row: PaperRow, table: PaperTable, cellOf: CellOf): ComparisonRow {
  const baseline = table.rows.find(({id}) => id === table.baseline && id !== row.id);
  const cells = table.metrics.map(({id}): ComparisonCell => {
    const paper = row.values[id];
    const measured = cellOf(row.id, id);
    const gain = {
      paper: minus(paper, baseline?.values[id]),
      measured: baseline && minus(meanOf(measured), meanOf(cellOf(baseline.id, id))),
    };
    return {paper, measured, difference: minus(meanOf(measured), paper), gain};
  });
  const [first] = cells;
  return {
    id: row.id,
    label: row.label,
    group: row.group,
    cells,
    verdict: divergenceVerdict(first?.paper ?? 0, first?.measured ?? {kind: 'not-run'}),
  };
}

function meanOf(cell: Cell): number | undefined {
  return cell.kind === 'measured' ? cell.mean : undefined;
}

/** A difference; undefined unless both are numbers. */
function minus(a: PaperValue | undefined, b: PaperValue | undefined): number | undefined {
  return typeof a === 'number' && typeof b === 'number' ? a - b : undefined;
}

function provenanceOf(rows: readonly ComparisonRow[]): readonly Provenance[] {
  const different = new Map<string, Provenance>();
  for (const {cells} of rows) {
    for (const {measured} of cells) {
      if (measured.kind !== 'not-run')
        different.set(JSON.stringify(measured.provenance), measured.provenance);
    }
  }
  return [...different.values()];
}

/** The paper's figure with its gain, as the paper prints it: 38.4 (+1.6). */
function paperText({paper, gain}: ComparisonCell, {digits}: PaperMetric): string {
  if (paper === undefined) return '';
  return paper === 'n/a' ? paper : `${paper.toFixed(digits)}${gainText(gain.paper, digits)}`;
}

function measuredText({measured, gain}: ComparisonCell, {digits}: PaperMetric): string {
  return `${cellText(measured, digits)}${gainText(gain.measured, digits)}`;
}

function gainText(gain: number | undefined, digits: number): string {
  return gain === undefined ? '' : ` (${signed(gain, digits)})`;
}

/** 36.8 ±0.2, n/a where it diverged, - where it has not been run; (2 n/a) counts seeds that diverged. */
export function cellText(cell: Cell, digits: number): string {
  switch (cell.kind) {
    case 'measured': {
      const spread = cell.spread === undefined ? '' : ` ±${cell.spread.toFixed(digits)}`;
      const diverged = cell.diverged === 0 ? '' : ` (${cell.diverged} n/a)`;
      return `${cell.mean.toFixed(digits)}${spread}${diverged}`;
    }
    case 'diverged':
      return 'n/a';
    case 'no-objects':
      return 'none';
    case 'not-run':
      return '-';
  }
}

function differenceText({difference}: ComparisonCell, {digits}: PaperMetric): string {
  return difference === undefined ? '' : signed(difference, digits);
}

function metricLabel({label, unit}: PaperMetric): string {
  return unit === 'percent' ? label : `${label} (${unit})`;
}

function provenanceText({preset, changed, seeds, commit, engine}: Provenance): string {
  const scale = changed === undefined ? preset : `${preset}, changed: ${changed}`;
  return `preset ${scale}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}, engine ${engine}, commit ${commit}`;
}

/** Lines under the table: verdicts, what was measured how, notes. */
function footer({rows, claims, metrics, provenance, paper}: Comparison): readonly string[] {
  const labelOf = (id: string) => metrics.find(metric => metric.id === id)?.label ?? id;
  // That a row converged as in the paper goes without saying.
  const remarkable = rows.filter(
    ({cells: [first], verdict}) =>
      verdict.kind === 'unlike-paper' || (verdict.kind === 'as-in-paper' && first?.paper === 'n/a'),
  );
  const scaled = provenance.some(({preset}) => preset !== 'paper');
  const baseline = baselineLabel(paper);
  return [
    ...remarkable.map(({label, verdict}) => `${label}: ${verdict.text}`),
    ...claims
      .filter(({claim}) => [claim.row, claim.than].every(id => hasRun(rows.find(row => row.id === id))))
      .map(
        ({claim, paper: by, verdict}) => `"${claim.text}" (${labelOf(claim.metric)} ${by}): ${verdict.text}`,
      ),
    ...(baseline === undefined ? [] : [`in parentheses: gain over "${baseline}"`]),
    ...provenance.map(made => `measured: ${provenanceText(made)}`),
    ...(scaled ? ['Not made at the scale of the paper: compare the pattern, not the numbers.'] : []),
    `paper: ${paper.setting}`,
    ...paper.notes,
  ];
}

function baselineLabel({rows, baseline}: PaperTable): string | undefined {
  return rows.find(({id}) => id === baseline)?.label;
}

function hasRun(row: ComparisonRow | undefined): boolean {
  return row?.cells.some(({measured}) => measured.kind !== 'not-run') ?? false;
}

/** How parts of the text table are shown on a terminal; each takes the finished text and adds no width. */
export type TableStyle = {
  readonly title: (text: string) => string;
  readonly heading: (text: string) => string;
  readonly measured: (text: string) => string;
  readonly faint: (text: string) => string;
};

const plain = (text: string) => text;
export const PLAIN_STYLE: TableStyle = {title: plain, heading: plain, measured: plain, faint: plain};

/** Under the name of every row three lines: paper, measured, difference. Ends with a line break. */
export function formatText(comparison: Comparison, style: TableStyle = PLAIN_STYLE): string {
  const {metrics, rows, paper} = comparison;
  const body = rows.map(row => ({
    row,
    paper: row.cells.map((cell, m) => paperText(cell, metrics[m]!)),
    measured: row.cells.map((cell, m) => measuredText(cell, metrics[m]!)),
    difference: row.cells.map((cell, m) => differenceText(cell, metrics[m]!)),
  }));
  const widths = metrics.map((metric, m) =>
    Math.max(
      metricLabel(metric).length,
      ...body.flatMap(lines => [
        lines.paper[m]!.length,
        lines.measured[m]!.length,
        lines.difference[m]!.length,
      ]),
    ),
  );
  const line = (kind: string, cells: readonly string[]) =>
    [`  ${kind}`.padEnd(12), ...cells.map((cell, m) => cell.padStart(widths[m]!))].join('  ').trimEnd();
  const lines = [
    style.title(`${tableName(paper.id)}. ${paper.title}`),
    style.heading(line('', metrics.map(metricLabel))),
  ];
  let group: string | undefined;
  for (const {row, ...cells} of body) {
    if (row.group !== group && row.group !== undefined) lines.push('', style.heading(row.group));
    group = row.group;
    lines.push(row.label, line('paper', cells.paper), style.measured(line('measured', cells.measured)));
    if (cells.difference.some(text => text !== ''))
      lines.push(style.faint(line('difference', cells.difference)));
  }
  return [...lines, '', ...footer(comparison).map(line => style.faint(line)), ''].join('\n');
}

/** table-3: Table 3. */
function tableName(id: string): string {
  return id.charAt(0).toUpperCase() + id.slice(1).replaceAll('-', ' ');
}

/**
 * One line a row; each metric is "paper → measured (difference)", or "paper (gain) → measured (gain)" where the table has a
 * baseline.
 */
export function formatMarkdown(comparison: Comparison): string {
  const {metrics, rows, paper} = comparison;
  const baseline = baselineLabel(paper);
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  const grouped = rows.some(({group}) => group !== undefined);
  const head = [...(grouped ? ['part'] : []), 'row', ...metrics.map(metricLabel)];
  const bodyLines = rows.map(({group, label, cells}) =>
    line([
      ...(grouped ? [group ?? ''] : []),
      label,
      ...cells.map((cell, m) => {
        const metric = metrics[m]!;
        const difference = baseline === undefined ? differenceText(cell, metric) : '';
        const text = `${paperText(cell, metric)} → ${measuredText(cell, metric)}`;
        return `${text}${difference === '' ? '' : ` (${difference})`}`.trim();
      }),
    ]),
  );
  return [
    `### ${tableName(paper.id)}. ${paper.title}`,
    '',
    baseline === undefined
      ? 'Paper → measured (difference).'
      : `Paper → measured, each with its gain over "${baseline}".`,
    '',
    line(head),
    line(head.map((_, column) => (column < head.length - metrics.length ? '---' : '---:'))),
    ...bodyLines,
    '',
    ...footer(comparison).map(text => `- ${text}`),
    '',
  ].join('\n');
}

function escapeMarkdown(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** The comparison as JSON: rows with paper, measured and difference by metric id. */
export function comparisonJson({paper, metrics, rows, claims}: Comparison): object {
  return {
    id: paper.id,
    title: paper.title,
    source: paper.source,
    metrics,
    ...(paper.baseline !== undefined && {baseline: paper.baseline}),
    rows: rows.map(({id, label, group, cells, verdict}) => ({
      id,
      label,
      ...(group !== undefined && {group}),
      cells: Object.fromEntries(
        cells.map(({paper: printed, measured, difference, gain}, m) => [
          metrics[m]!.id,
          {
            ...{paper: printed ?? null, measured, difference: difference ?? null},
            ...(paper.baseline !== undefined && {
              gain: {paper: gain.paper ?? null, measured: gain.measured ?? null},
            }),
          },
        ]),
      ),
      verdict,
    })),
    claims,
  };
}
