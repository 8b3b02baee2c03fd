import { hiveRouter } from './rust-routers.ts';
import { testRouter } from './test-router.ts';

await testRouter(hiveRouter);
