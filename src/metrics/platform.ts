import type { AnomalyKind, Priority, RetryReason, Service, WireResource } from '../upstream/types.ts';
import { label, type MetricDefinitions } from './definitions.ts';

/** Numbers of the budgets of all tenants. */
export interface BudgetNumbers {
  /** Calls that the tenant with the least budget may send at once, as a share of a full budget. */
  readonly remainingShare: number;
  /** Lowest rate of a tenant, as a share of the configured rate. */
  readonly rateShare: number;
  /** Number of waiting calls. */
  readonly waiting: number;
}

/** Reports of the calls to the platform. */
export type PlatformMetrics = ReturnType<typeof definePlatformMetrics>;

export function definePlatformMetrics(define: MetricDefinitions) {
  const requests = define.counter({
    name: 'aep_upstream_requests_total',
    help: 'HTTP requests to the platform; status "none" if no response arrived.',
    labels: { service: label<Service>(), method: label<string>(), status: label<number | 'none'>() },
  });
  const durations = define.histogram({
    name: 'aep_upstream_request_duration_seconds',
    help: 'Duration of HTTP requests to the platform.',
    labels: { service: label<Service>() },
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  });
  const openCircuits = define.gauge({
    name: 'aep_upstream_circuit_open',
    help: 'Organizations whose calls to a service of the platform are stopped because it keeps failing.',
    labels: { service: label<Service>() },
  });
  const budgetWaits = define.histogram({
    name: 'aep_upstream_budget_wait_seconds',
    help: 'Time for which calls waited for the budget of their tenant; outcome "refused" if they did not get it. Calls without a wait are not counted.',
    labels: { priority: label<Priority>(), outcome: label<'granted' | 'refused'>() },
    buckets: [0.01, 0.05, 0.25, 1, 5, 30],
  });
  const lostCreates = define.counter({
    name: 'aep_upstream_lost_creates_total',
    help: 'Creates whose response was lost; outcome "found" if their result was found, else "unknown".',
    labels: { service: label<Service>(), outcome: label<'found' | 'unknown'>() },
  });
  let budgets: () => BudgetNumbers = () => ({ remainingShare: 1, rateShare: 1, waiting: 0 });
  define.readGauge(
    {
      name: 'aep_upstream_budget_remaining_ratio',
      help: 'Calls that the tenant with the least budget may send at once, as a share of a full budget; 1 if no budget is used.',
      labels: {},
    },
    () => [{ labels: {}, value: budgets().remainingShare }],
  );
  define.readGauge(
    {
      name: 'aep_upstream_budget_rate_ratio',
      help: 'Lowest call rate that a tenant may have, as a share of the configured rate; below 1 after the platform returned 429.',
      labels: {},
    },
    () => [{ labels: {}, value: budgets().rateShare }],
  );
  define.readGauge(
    {
      name: 'aep_upstream_budget_waiting_calls',
      help: 'Calls that wait for the budget of their tenant.',
      labels: {},
    },
    () => [{ labels: {}, value: budgets().waiting }],
  );
  return {
    /** Reports the budgets of the tenants. They are read at the time of each request. */
    watchBudgets: (numbers: () => BudgetNumbers): void => {
      budgets = numbers;
    },
    /** One HTTP exchange has ended. `status` is null if no response arrived. */
    callEnded: (call: {
      readonly service: Service;
      readonly method: string;
      readonly status: number | null;
      readonly seconds: number;
    }): void => {
      requests({ service: call.service, method: call.method, status: call.status ?? 'none' });
      durations(call, call.seconds);
    },
    /** A call will be repeated. */
    retried: define.counter({
      name: 'aep_upstream_retries_total',
      help: 'Retries of platform calls, by reason.',
      labels: { service: label<Service>(), reason: label<RetryReason>() },
    }),
    /** A call was not sent, because the same call was in flight. */
    shared: define.counter({
      name: 'aep_upstream_shared_calls_total',
      help: 'Reads that shared the platform call of another read in progress.',
      labels: { service: label<Service>() },
    }),
    /** The circuit of one organization and service has opened or closed. */
    circuitChanged: (circuit: { readonly service: Service; readonly open: boolean }): void =>
      openCircuits(circuit, circuit.open ? 1 : -1),
    /** A call has waited for the budget of its tenant. `granted` is false if it was not sent. */
    budgetWaited: (wait: { readonly priority: Priority; readonly seconds: number; readonly granted: boolean }): void =>
      budgetWaits({ priority: wait.priority, outcome: wait.granted ? 'granted' : 'refused' }, wait.seconds),
    /** The response to a create was lost. */
    createLost: (create: { readonly service: Service; readonly found: boolean }): void =>
      lostCreates({ service: create.service, outcome: create.found ? 'found' : 'unknown' }),
    /** A decoded record was unexpected. */
    anomaly: define.counter({
      name: 'aep_decode_anomalies_total',
      help: 'Records of the platform that had an unexpected form. They were used as far as possible, or omitted from their list.',
      labels: { resource: label<WireResource>(), kind: label<AnomalyKind>() },
    }),
  };
}
