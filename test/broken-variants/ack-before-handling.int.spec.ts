import * as consuming from '../../src/consumer/consume-idempotently.js';
import { describeBrokenVariant } from './broken-variant.js';

jest.mock('../../src/consumer/consume-idempotently.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/consumer/consume-idempotently.js'),
}));

describeBrokenVariant('the ACK before the handler', {
  story: 'a handler that fails when it is first called',

  async play(shop) {
    shop.issuing.first = async (run) => {
      if (run === 1) throw new Error('the card printer is out of paper');
    };
    await shop.pay('P-1');
  },

  breakIt() {
    const { consumeIdempotently } = jest.requireActual<typeof consuming>(
      '../../src/consumer/consume-idempotently.js',
    );
    jest.spyOn(consuming, 'consumeIdempotently').mockImplementation(async (deps, consumer, held) => {
      await deps.transport.acknowledge(held.claimed);
      const transport = Object.assign(Object.create(deps.transport) as typeof deps.transport, {
        acknowledgeWithEffect: async () => ({ acknowledged: true, autocommit: false }),
      });
      return consumeIdempotently({ ...deps, transport }, consumer, held);
    });
  },

  damage: () => ({ lost: 1 }),
});
