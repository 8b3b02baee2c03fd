import { cosmoRouter } from './cosmo-router.ts';
import { testRouter } from './test-router.ts';

await testRouter(cosmoRouter);
