// The rooms of src/ and what each may import (docs/how-it-works.md draws them).
const rooms = {
  errors: [],
  events: [],
  waiting: [],
  topic: ['errors'],
  tracing: ['topic'],
  storage: ['errors'],
  transaction: ['storage', 'errors', 'events'],
  broker: ['storage', 'transaction', 'topic', 'events', 'errors'],
  transport: ['topic', 'errors'],
  wire: ['transport', 'topic', 'errors'],
  service: ['wire', 'broker', 'storage', 'topic', 'waiting', 'events', 'errors'],
  publisher: ['transport', 'transaction', 'tracing', 'topic', 'storage', 'events', 'waiting', 'errors'],
  consumer: ['transport', 'transaction', 'tracing', 'topic', 'storage', 'events', 'waiting', 'errors'],
  options: ['consumer', 'transport', 'tracing', 'topic', 'storage', 'errors'],
  audit: ['storage', 'errors'],
  operate: ['broker', 'publisher', 'topic', 'storage', 'errors'],
  dashboard: ['operate', 'broker', 'options', 'events', 'errors'],
  rabbitmq: ['transport', 'errors'],
  jetstream: ['transport', 'errors'],
  observing: ['operate', 'events', 'waiting', 'errors'],
  metrics: ['observing', 'operate', 'events', 'waiting', 'options', 'errors'],
  prometheus: ['metrics', 'observing', 'errors'],
  opentelemetry: ['metrics', 'observing', 'tracing', 'errors'],
  schematics: [],
  terminus: ['observing', 'operate', 'waiting', 'options', 'storage', 'errors'],
};

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `${room}-imports`,
  comment: `${room}/ may import ${allowed.length ? allowed.join(', ') : 'no other room'}`,
  severity: 'error',
  // The local transport is where the port meets the broker; that over HTTP, where it meets the wire. What observes, and the
  // dashboard's module, find the rest by its tokens.
  from: {
    path: `^src/${room}/`,
    pathNot: '^src/(transport/(local|http)|observing/observed|dashboard/dashboard\\.module)',
  },
  to: { path: '^src/', pathNot: `^src/(${[room, ...allowed].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'transport-port-only',
      comment: 'publisher and consumer reach a broker through the port alone',
      severity: 'error',
      from: { path: '^src/(publisher|consumer)/' },
      to: { path: '^src/transport/', pathNot: '^src/transport/port\\.ts$' },
    },
    {
      name: 'transport-local-imports',
      severity: 'error',
      from: { path: '^src/transport/local' },
      to: { path: '^src/', pathNot: '^src/(transport|topic|errors|broker)/' },
    },
    {
      name: 'transport-http-imports',
      comment: 'the client of a broker service knows the wire and the port, and nothing of the service',
      severity: 'error',
      from: { path: '^src/transport/http' },
      to: { path: '^src/', pathNot: '^src/(transport|wire|topic|errors)/' },
    },
    {
      name: 'wire-knows-the-port',
      severity: 'error',
      from: { path: '^src/wire/' },
      to: { path: '^src/transport/', pathNot: '^src/transport/port\\.ts$' },
    },
    {
      name: 'broker-without-nest',
      comment: 'the broker takes no more of Nest than its decorators',
      severity: 'error',
      from: { path: '^src/(broker|storage|topic|errors|transaction|transport|wire|service)/' },
      to: { path: 'node_modules/@nestjs/(?!common/)' },
    },
    {
      name: 'testing-is-for-tests',
      comment:
        'what is for tests is an entry point of its own: nothing of it is reachable from what apps run',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'rabbitmq-is-an-entry-point',
      comment: 'an app that does not ask for it need not have its client',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(rabbitmq|testing)/' },
      to: { path: '^src/rabbitmq/' },
    },
    {
      name: 'jetstream-is-an-entry-point',
      comment: 'an app that does not ask for it need not have its client',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(jetstream|testing)/' },
      to: { path: '^src/jetstream/' },
    },
    {
      name: 'dashboard-module-imports',
      comment: 'the one file of the dashboard that knows by which tokens the rest is found',
      severity: 'error',
      from: { path: '^src/dashboard/dashboard\\.module' },
      to: { path: '^src/', pathNot: '^src/(dashboard|operate|events|errors)/|^src/idempotent-mq\\.tokens' },
    },
    {
      name: 'dashboard-is-an-entry-point',
      comment: 'an app that does not ask for it does not load it',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/dashboard/' },
      to: { path: '^src/dashboard/' },
    },
    {
      name: 'dashboard-in-the-browser',
      comment: 'what runs in a browser shares types with the server, and nothing that runs',
      severity: 'error',
      from: { path: '^src/dashboard/client/' },
      to: { pathNot: '^src/dashboard/client/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'observing-finds-its-instance',
      severity: 'error',
      from: { path: '^src/observing/observed' },
      to: {
        path: '^src/',
        pathNot: '^src/(observing|operate|events|waiting|errors|idempotent-mq\\.tokens\\.ts)',
      },
    },
    ...['prometheus', 'opentelemetry', 'terminus'].map((room) => ({
      name: `${room}-is-an-entry-point`,
      comment: 'an app that does not ask for it need not have its library',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/${room}/` },
      to: { path: `^src/${room}/` },
    })),
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-deep-imports-of-peers',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: 'node_modules/typeorm/(?!index)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
