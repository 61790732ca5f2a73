import { z } from 'zod';
import { type PayloadOf, defineTopic } from '../../src/index.js';

// #region schema
export const PointsEarned = defineTopic({
  name: 'points.earned',
  bizId: ({ paymentId }) => paymentId,
  schema: z.object({ paymentId: z.string(), userId: z.string(), reason: z.string().default('payment') }),
});
export type PointsNews = PayloadOf<typeof PointsEarned>; // with reason: handlers get the schema's output
// #endregion
