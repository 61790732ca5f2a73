import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundleAll } from '../../../test/support/bundle.js';

const DEMO = join(import.meta.dirname, '..');

/** What the systems run: each is compiled into one file, since it is killed often and must soon be up again. */
export type Programs = Awaited<ReturnType<typeof compilePrograms>>;

export async function compilePrograms() {
  const entries = {
    'payment-system': join(DEMO, 'payment-system/main.ts'),
    relay: join(DEMO, 'payment-system/relay.ts'),
    broker: join(DEMO, 'broker/main.ts'),
    'broker-service': join(DEMO, 'broker/service.ts'),
    'card-system': join(DEMO, 'card-system/main.ts'),
  };
  return bundleAll(entries, `demo-${process.pid}`);
}

export async function removePrograms(programs: Programs): Promise<void> {
  await rm(dirname(programs.relay), { recursive: true });
}
