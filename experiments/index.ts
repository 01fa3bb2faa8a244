/** Every artefact that `sf reproduce` knows, by the name that is typed. */
import type {Experiment} from './experiment.js';
import {table3} from './table-3.js';
import {table4} from './table-4.js';
import {table6} from './table-6.js';

export const experiments: readonly Experiment[] = [table3, table4, table6];
