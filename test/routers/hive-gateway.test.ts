import { hiveGateway } from './javascript-gateways.ts';
import { testRouter } from './test-router.ts';

await testRouter(hiveGateway);
