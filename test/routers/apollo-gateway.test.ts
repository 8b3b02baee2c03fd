import { apolloGateway } from './javascript-gateways.ts';
import { testRouter } from './test-router.ts';

await testRouter(apolloGateway);
