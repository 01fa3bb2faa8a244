/**
 * tfjs-core's conformance suite on one of our engines. This module is the entry of the bundle that run.ts makes, so that
 * suite, tfjs, backend and our kernels are one copy of each; it cannot be imported outside of it.
 */
import * as tf from '@tensorflow/tfjs';
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import {setTestEnvs} from '@tensorflow/tfjs-core/dist/jasmine_util.js';
import jasmineRequire from 'jasmine-core/lib/jasmine-core/jasmine.js';
import type {EngineName} from '../../src/config/engine-choice.js';
import {openEngine} from '../../src/engine/open.js';

export type SpecResult = {
  /** Full name: the describe blocks and the spec, without the name of the backend. */
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'excluded' | 'pending';
  /** Kernels that the spec ran or asked for, each once. Empty for a spec that was not run. */
  readonly kernels: readonly string[];
  readonly failures: readonly string[];
};

export type SuiteOptions = {
  readonly engine: EngineName;
  /** Folder of the stock .wasm files, ending in a separator. */
  readonly wasmFolder: string;
  /** Whether a spec is to be run, by its name. */
  readonly isIncluded: (name: string) => boolean;
};

/** Jasmine names a suite 'abs wasm {}': what describeWithFlags adds is taken off. */
const specName = (fullName: string, engine: EngineName): string => fullName.replace(` ${engine} {}`, '');

/** Kernels asked for since the last call, whether they exist or not. */
function recordKernels(): () => readonly string[] {
  const engine = tf.engine();
  const names = new Set<string>();
  const runKernel = engine.runKernel.bind(engine);
  engine.runKernel = (kernelName, inputs, attrs) => {
    names.add(kernelName);
    return runKernel(kernelName, inputs, attrs);
  };
  return () => {
    const recorded = [...names].sort();
    names.clear();
    return recorded;
  };
}

export async function runSuite({
  engine,
  wasmFolder,
  isIncluded,
}: SuiteOptions): Promise<readonly SpecResult[]> {
  setWasmPaths(wasmFolder);
  await openEngine(engine);

  const jasmine = jasmineRequire.core(jasmineRequire);
  const environment = jasmine.getEnv({suppressLoadErrors: true});
  Object.assign(globalThis, jasmineRequire.interface(jasmine, environment));
  setTestEnvs([{name: engine, backendName: engine, isDataSync: true}]);
  // Loading the specs declares them; they need the globals and the test environment above.
  await import('@tensorflow/tfjs-core/dist/tests.js');

  const kernelsOfSpec = recordKernels();
  const results: SpecResult[] = [];
  environment.configure({
    random: false,
    specFilter: spec => isIncluded(specName(spec.getFullName(), engine)),
  });
  environment.addReporter({
    specStarted: () => void kernelsOfSpec(),
    specDone: ({fullName, status, failedExpectations}) => {
      results.push({
        name: specName(fullName, engine),
        status,
        kernels: kernelsOfSpec(),
        failures: failedExpectations.map(({message}) => message),
      });
    },
  });
  await environment.execute();
  return results;
}
