/** A RabbitMQ for one test alone, which says over IPC what is to be done to it: `kill`, `startAgain`, `restart`, `runFull`, `runFree`. Ends with its parent. */
import { startRabbitmq } from './rabbitmq.mjs';

const server = await startRabbitmq();

process.on('message', (call) => {
  const calls = {
    kill: () => server.kill(),
    startAgain: () => server.startAgain(),
    restart: async () => {
      await server.control('stop_app');
      await server.control('start_app');
    },
    runFull: () => server.control('set_vm_memory_high_watermark', '0.00001'),
    runFree: () => server.control('set_vm_memory_high_watermark', '0.4'),
  };
  void calls[/** @type {keyof calls} */ (call)]().then(() => process.send?.({ done: call }));
});
process.on('disconnect', () => void server.stop().then(() => process.exit(0)));
process.send?.({ url: server.url });
