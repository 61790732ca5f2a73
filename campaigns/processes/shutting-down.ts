import type { INestApplicationContext } from '@nestjs/common';

/** Ends this process as SIGTERM ends an app. */
export async function shutDown(app: INestApplicationContext): Promise<never> {
  try {
    await app.close();
    return process.exit(0);
  } catch (error) {
    console.error(error);
    return process.exit(1);
  }
}
