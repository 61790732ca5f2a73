// #region delivery-aware
import type { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ambientManager } from '../../src/index.js';

/** In a handler, what is @Transactional() becomes part of the delivery's transaction, as a savepoint. */
export function deliveryAware(adapter: TransactionalAdapterTypeOrm): TransactionalAdapterTypeOrm {
  const { optionsFactory } = adapter;
  adapter.optionsFactory = (dataSource) => {
    const outside = optionsFactory(dataSource);
    return {
      ...outside,
      wrapWithTransaction: (options, work, setManager) => {
        const delivery = ambientManager();
        return delivery
          ? outside.wrapWithNestedTransaction(options, work, setManager, delivery)
          : outside.wrapWithTransaction(options, work, setManager);
      },
      getFallbackInstance: () => ambientManager() ?? dataSource.manager,
    };
  };
  return adapter;
}
// #endregion
