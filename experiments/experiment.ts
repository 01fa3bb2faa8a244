/** One artefact of the paper: which runs it is made of. */
import type {StageConfig} from '../src/config/stage.js';

export type ExperimentRow = {
  /** Key of the row in results/paper/<experiment>.json, and its folder under the results. */
  readonly id: string;
  readonly label: string;
  /** The six fields of every stage: all that differs between the rows. */
  readonly stages: Readonly<Record<string, StageConfig>>;
};

export type Experiment = {
  readonly id: string;
  readonly title: string;
  /** Shipped config that every row starts from: the paper's schedule. */
  readonly config: string;
  readonly rows: readonly ExperimentRow[];
  /** Statistics that the paper prints, in its order. */
  readonly metrics: readonly ('AP' | 'AP50' | 'AP75' | 'APs' | 'APm' | 'APl')[];
};
