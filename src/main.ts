import { dataSourceOf } from './cli/data-source.js';
import { DEFAULT_SERVED_DATABASE, serve } from './cli/serve.command.js';
import { describeError } from './errors/index.js';

/** What `nest start` runs: the broker as a service, told by the environment what `npx nestjs-idempotent-mq serve` is by flags. */
const { DATABASE_URL, HOST, PORT, TOKENS_FILE, SCHEMA, DURABILITY, TABLE_PREFIX } = process.env;

dataSourceOf({ database: DATABASE_URL ?? DEFAULT_SERVED_DATABASE })
  .then(({ options }) =>
    serve(options, {
      host: HOST,
      port: PORT,
      tokens: TOKENS_FILE,
      schema: SCHEMA,
      durability: DURABILITY,
      tablePrefix: TABLE_PREFIX,
    }),
  )
  .catch((error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = 1;
  });
