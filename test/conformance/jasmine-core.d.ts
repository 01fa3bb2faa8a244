/** The parts of jasmine-core that suite.ts uses; the package has no types. */
declare module 'jasmine-core/lib/jasmine-core/jasmine.js' {
  type Spec = {getFullName(): string};
  type SpecDone = {
    readonly fullName: string;
    readonly status: 'passed' | 'failed' | 'excluded' | 'pending';
    readonly failedExpectations: readonly {readonly message: string}[];
  };
  type Environment = {
    configure(options: {random: boolean; specFilter: (spec: Spec) => boolean}): void;
    addReporter(reporter: {specStarted(): void; specDone(result: SpecDone): void}): void;
    execute(): Promise<unknown>;
  };
  type Jasmine = {getEnv(options: {suppressLoadErrors: boolean}): Environment};
  type JasmineRequire = {
    core(self: JasmineRequire): Jasmine;
    interface(jasmine: Jasmine, environment: Environment): object;
  };
  const jasmineRequire: JasmineRequire;
  export = jasmineRequire;
}
