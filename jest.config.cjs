const swc = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
    target: 'es2022',
  },
  module: { type: 'commonjs' },
};

// NEST=11 runs the suite against Nest 11, installed beside the newest one. Left out is what Nest has no part in: specs of
// the broker, its tables and transactions, and those whose child processes load the newest Nest anyway.
const isNest11 = process.env.NEST === '11';
const nest11Modules = isNest11 ? { '^(@nestjs/.+)$': '<rootDir>/test/nest-11/node_modules/$1' } : {};
const nest11LeavesOut = [
  'audit',
  'broken-variants',
  'campaigns',
  'cli',
  // How it is mounted and found is Nest's part, what it answers is not.
  'dashboard/(?!mounting|live\\.)',
  'dead-letters',
  'docs',
  'engine',
  'examples',
  'executor',
  'faults',
  'forgetting',
  // How handlers are called is Nest's part, whatever they do then is not.
  'hostile-handlers/(?!enhancers)',
  'jetstream',
  'operate',
  'packaging',
  'processes',
  'protocol',
  'rabbitmq',
  // How an app starts with a broker apart is Nest's part.
  'relay/(?!six-steps|start-up)',
  'schema',
  'schematics',
  // How the service is mounted is Nest's part, what it answers is not.
  'service/(?!mounted|tokens)',
  'storage',
  // How it finds its way into an app is Nest's part, where handlers are cut off is not.
  'testing/(?!harness)',
  'transport',
  'types',
  'waiting',
].map((folder) => `<rootDir>/test/${folder}${folder.endsWith(')') ? '' : '/'}`);

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: require.resolve('./test/support/environment.cjs'),
  testMatch: ['<rootDir>/test/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...(isNest11 ? nest11LeavesOut : [])],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/test/nest-11/'],
  transform: {
    '\\.ts$': ['@swc/jest', swc],
    // Nest 12 is ESM only, and Jest's require() can't load that on Node 20.
    '/node_modules/@nestjs/.+\\.js$': ['@swc/jest', swc],
  },
  transformIgnorePatterns: ['/node_modules/(?!@nestjs/)'],
  moduleNameMapper: { ...nest11Modules, '^(\\.{1,2}/.*)\\.js$': '$1' },
  // With an engine in the broker's place, some tests are left out, each for a reason.
  setupFilesAfterEnv: ['rabbitmq', 'jetstream'].includes(process.env.MQ_TEST_SHAPE)
    ? ['<rootDir>/test/engine/left-out.setup.ts']
    : [],
  testTimeout: 60_000,
  // One more than there are cores of CI: many a test waits for a lease or a lock.
  maxWorkers: 3,
  // Jest keeps the modules of each file that it has run; a worker that holds many of them only collects garbage.
  workerIdleMemoryLimit: '512MB',
};
