/** One table of the paper: which runs it is made of. Its numbers and claims are in results/paper/<id>.json. */
import type {TableRow} from './plan.js';

export type Experiment = {
  /** The name that is typed. */
  readonly id: string;
  /** Shipped config that every row starts from: the paper's schedule. */
  readonly config: string;
  /** Their ids are those of the paper's rows. */
  readonly rows: readonly TableRow[];
  /** Runs of a row where nothing else is asked for, by row id: those that the paper's claims are about. Default: 1. */
  readonly seeds?: Readonly<Record<string, number>>;
  /** Whether the classification losses of all rows are sums over the same examples, divided alike: one chart can hold them. */
  readonly comparableLosses: boolean;
};
