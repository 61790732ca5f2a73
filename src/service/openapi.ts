import { OPERATIONS, type OperationName, PROBLEMS, SCHEMAS } from '../wire/index.js';

const PROBLEM = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string', enum: Object.keys(PROBLEMS) }, message: { type: 'string' } },
    },
  },
} as const;

const json = (schema: unknown) => ({ content: { 'application/json': { schema } } });

/** The protocol for programs that write programs. docs/protocol.md says how it is to be used. */
export function openApiDocument(basePath: string): object {
  const names = Object.keys(OPERATIONS) as OperationName[];
  return {
    openapi: '3.1.0',
    info: { title: 'nestjs-idempotent-mq broker', version: '1' },
    servers: [{ url: `${basePath}/v1` }],
    security: [{ token: [] }],
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: { problem: { description: 'Not carried out.', ...json(PROBLEM) } },
    },
    paths: {
      '/health': { get: health() },
      ...Object.fromEntries(names.map((name) => [`/${name}`, { post: operation(name) }])),
    },
  };
}

function operation(name: OperationName): object {
  const { summary, scope } = OPERATIONS[name];
  return {
    operationId: name,
    summary,
    description: `A token needs the scope: ${scope}.`,
    requestBody: { required: true, ...json(SCHEMAS[name].request) },
    responses: {
      200: { description: 'Carried out.', ...json(SCHEMAS[name].answer) },
      default: { $ref: '#/components/responses/problem' },
    },
  };
}

function health(): object {
  const ok = { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } };
  return {
    operationId: 'health',
    summary: 'Whether the service takes requests and its database answers. Needs no token.',
    security: [],
    responses: {
      200: { description: 'It does.', ...json(ok) },
      503: { $ref: '#/components/responses/problem' },
    },
  };
}
