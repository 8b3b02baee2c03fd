import type { AuditLine } from '../support/audit-line.ts';
import type { Gateway } from '../support/gateway.ts';

/**
 * The gateways of a run. The first one runs throughout. If there are several, the last one is closed and started again
 * midway.
 */
export class Replicas implements AsyncDisposable {
  readonly #start: () => Promise<Gateway>;
  readonly #first: Gateway;
  readonly #others: Gateway[];
  readonly #leaving = new Set<Gateway>();

  private constructor(start: () => Promise<Gateway>, first: Gateway, others: readonly Gateway[]) {
    this.#start = start;
    this.#first = first;
    this.#others = [...others];
  }

  static async start(count: number, start: () => Promise<Gateway>): Promise<Replicas> {
    const first = await start();
    const others: Gateway[] = [];
    for (let index = 1; index < count; index += 1) others.push(await start());
    return new Replicas(start, first, others);
  }

  /** The gateway that always accepts connections, for clients whose requests must not fail because of a restart. */
  get first(): Gateway {
    return this.#first;
  }

  get running(): readonly Gateway[] {
    return [this.#first, ...this.#others];
  }

  /** All log lines, including those of closed gateways. */
  get logs(): readonly string[] {
    return this.#all.flatMap(({ logs }) => logs);
  }

  /** All lines of the audit logs, including those of closed gateways. */
  get audit(): readonly AuditLine[] {
    return this.#all.flatMap(({ audit }) => audit);
  }

  get #all(): readonly Gateway[] {
    return [...this.running, ...this.#leaving];
  }

  /** Picks a running gateway. The same number gives the same gateway while all are running. */
  pick(number: number): Gateway {
    return this.running[number % this.running.length] ?? this.#first;
  }

  /** Whether the gateway is closing its connections, or is closed. */
  isLeaving(gateway: Gateway): boolean {
    return this.#leaving.has(gateway);
  }

  /** Closes the last gateway of several, and starts another one in its place. */
  async restart(): Promise<void> {
    const leaving = this.#others.pop();
    if (leaving === undefined) return;
    this.#leaving.add(leaving);
    await leaving.close();
    this.#others.push(await this.#start());
  }

  /** Sum of a metric over all running gateways. */
  async metric(name: string): Promise<number> {
    const values = await Promise.all(this.running.map((gateway) => gateway.metric(name)));
    return values.reduce((sum, value) => sum + value, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gateway of this.running) await gateway.close();
  }
}
