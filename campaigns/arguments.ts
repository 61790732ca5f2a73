import { parseArgs } from 'node:util';
import { engineOf, isEngineOfServers } from './databases/create.js';
import type { Shape } from './databases/pair.js';
import { variantNamed } from './variants/index.js';
import { CAMPAIGNS, type CampaignName } from './variants/variant.js';

export const USAGE = `npm run campaign -- NAME --seed S --size N [options]

  NAME            kill: processes are killed with -9; N counts kills
                  commit: COMMITs are lost; N counts each kind of loss at each place
                  order: messages of 50 ordering keys, under both; N counts messages
                  instances: two instances of the broker service are killed with -9; N counts kills
                  server: the database's server is killed with -9; N counts kills
                  pause: processes stand still for longer than their leases; N counts pauses
                  failover: a primary is lost, and its replica promoted; N counts failovers
                  simulate: one process, a clock of its own, every interleaving drawn from a seed; N counts seeds, and
                  --seed is the number of the first one (of the options below it has --variant and --variants, and --trace)
                  duplicates: each payment is published up to 50 times at once; N counts messages beyond the first
                  wire: the network to the broker service fails, and processes are killed; N counts each kind of fault
                  hostile: handlers behave badly in every way; N counts payments
                  all: kills, pauses, lost COMMITs, duplicates, hostile handlers, dead letters that are requeued, and with
                  --database mariadb, mysql or postgres servers that are killed, beside as many messages as there can be; N counts messages
                  forgetting: biz-ids are forgotten after seconds, beside repeats that come late; N counts messages
  --seed S        what is drawn by chance, is drawn from this
  --size N        faults, messages or duplicates, for each shape
  --shape 1|2     1: one database; 2: business and broker apart (both unless given; order, instances, wire, all: 2)
  --database URL  mariadb://user:password@host:port/, mysql://… or postgres://…; SQLite unless given
                  server, all: mariadb, mysql or postgres, to start some that it may kill; failover: mariadb
  --chunk K       of N in each pair of databases (N unless given)
  --per-transaction K
                  up to K deliveries share a transaction
  --log FILE      a line for each chunk; started again with it, a campaign goes on where it stopped, on the same code
  --across-commits
                  chunks count that were run on other code as well
  --variant NAME  a broken variant in place of the library as it is
  --variants      every broken variant: fails if one is not caught

exit status: 0 nothing lost, doubled, unbalanced, left, late or out of its order; 1 something was, or a variant was not caught;
2 void: a fault happened less often than it was to, or there was nothing to judge; 3 called wrongly, or it could not be run`;

export interface Arguments {
  campaign: CampaignName;
  seed: string;
  size: number;
  chunk: number;
  shapes: readonly Shape[];
  url: string | undefined;
  perTransaction: number | undefined;
  log: string | undefined;
  acrossCommits: boolean;
  variant: string | undefined;
  allVariants: boolean;
}

/** @throws Error that says what is wrong */
export function readArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      size: { type: 'string' },
      chunk: { type: 'string' },
      shape: { type: 'string' },
      database: { type: 'string' },
      'per-transaction': { type: 'string' },
      log: { type: 'string' },
      'across-commits': { type: 'boolean', default: false },
      variant: { type: 'string' },
      variants: { type: 'boolean', default: false },
    },
  });
  const [campaign] = positionals;
  if (positionals.length !== 1 || !isCampaign(campaign)) {
    throw new Error(
      `NAME must be one of ${CAMPAIGNS.join(', ')}, simulate (got ${positionals.join(' ') || 'none'}).`,
    );
  }
  if (values.seed === undefined) throw new Error('--seed must be given.');
  const size = wholeNumber('--size', values.size);
  engineOf(values.database);
  checkServers(values.database, campaign);
  variantNamed(values.variant);
  return {
    campaign,
    seed: values.seed,
    size,
    chunk: optionalNumber('--chunk', values.chunk) ?? size,
    shapes: shapesOf(values.shape, campaign),
    url: values.database,
    perTransaction: optionalNumber('--per-transaction', values['per-transaction']),
    log: values.log,
    acrossCommits: values['across-commits'],
    variant: values.variant,
    allVariants: values.variants,
  };
}

function wholeNumber(option: string, value: string | undefined): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`${option} must be a whole number from 1 (got ${value ?? 'none'}).`);
}

function optionalNumber(option: string, value: string | undefined): number | undefined {
  return value === undefined ? undefined : wholeNumber(option, value);
}

function isCampaign(name: string | undefined): name is CampaignName {
  return CAMPAIGNS.some((each) => each === name);
}

/** Campaigns that start servers of their own, and of which: they kill none that somebody else may need. */
const OWN_SERVERS: Partial<Record<CampaignName, readonly string[]>> = {
  server: ['mariadb', 'mysql', 'postgres'],
  failover: ['mariadb'],
};

function checkServers(url: string | undefined, campaign: CampaignName): void {
  const own = OWN_SERVERS[campaign];
  if (campaign === 'all' || (own ? own.includes(url ?? '') : !isEngineOfServers(url))) return;
  const wanted = own?.join(', ').replace(/, (\w+)$/, ' or $1') ?? 'a URL';
  throw new Error(`${campaign} has --database ${wanted} (got ${url ?? 'none'}).`);
}

function shapesOf(value: string | undefined, campaign: CampaignName): readonly Shape[] {
  const needsService = campaign === 'instances' || campaign === 'wire';
  if (needsService && value === '1') throw new Error(`${campaign} has --shape 2: the broker apart.`);
  if (value === undefined) return campaign === 'order' || campaign === 'all' || needsService ? [2] : [1, 2];
  if (value === '1') return [1];
  if (value === '2') return [2];
  throw new Error(`--shape must be 1 or 2 (got ${value}).`);
}
