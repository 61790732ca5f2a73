/** One process of a campaign, as CAMPAIGN_TASK says. */
import 'reflect-metadata';
import { runClient } from './client.js';
import { historyIn } from './history.js';
import { runInstance } from './instance.js';
import type { Said, Task } from './task.js';

const task = JSON.parse(process.env.CAMPAIGN_TASK!) as Task;
const run = task.role === 'instance' ? runInstance : runClient;

// With whoever started it goes also what it has started.
process.on('disconnect', () => process.exit(1));
/** Whoever started it may look when it is. */
export const started = run(task, historyIn(task.history), (said: Said) => process.send?.(said));
