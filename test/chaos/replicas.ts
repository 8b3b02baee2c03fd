import type { Gateway } from '../support/gateway.ts';

/** The gateways of a run. The first one stays throughout; the last one of several is closed and started again midway. */
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

  /** For whoever asks one question after the other, and would take a connection that is refused for an answer. */
  get first(): Gateway {
    return this.#first;
  }

  get running(): readonly Gateway[] {
    return [this.#first, ...this.#others];
  }

  /** Everything that was logged, also by those that are gone. */
  get logs(): readonly string[] {
    return [...this.running, ...this.#leaving].flatMap(({ logs }) => logs);
  }

  /** One that takes connections, the same for the same number while all are there. */
  pick(number: number): Gateway {
    return this.running[number % this.running.length] ?? this.#first;
  }

  /** Whether it sends its clients away, or is gone. */
  isLeaving(gateway: Gateway): boolean {
    return this.#leaving.has(gateway);
  }

  /** Closes the last one of several, and starts another one in its place. */
  async restart(): Promise<void> {
    const leaving = this.#others.pop();
    if (leaving === undefined) return;
    this.#leaving.add(leaving);
    await leaving.close();
    this.#others.push(await this.#start());
  }

  /** The sum of a metric over all that run. */
  async metric(name: string): Promise<number> {
    const values = await Promise.all(this.running.map((gateway) => gateway.metric(name)));
    return values.reduce((sum, value) => sum + value, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gateway of this.running) await gateway.close();
  }
}
