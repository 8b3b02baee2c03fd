import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createAuditLog } from '../../../src/audit/audit-log.ts';
import type { AuditEntry } from '../../../src/audit/line.ts';
import { UpstreamUnreachableError } from '../../../src/errors.ts';
import { defineAuditMetrics } from '../../../src/metrics/audit.ts';
import { MetricDefinitions } from '../../../src/metrics/definitions.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { parseAuditLine } from '../../support/audit-line.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { tenantOf } from '../../support/tenants.ts';

const entry = (id: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  principal: 'someone',
  platformUser: null,
  tenant: tenantOf('prod'),
  requestId: 'client-1',
  operation: 'cancelExportJob',
  entity: 'ExportJob',
  action: 'cancel',
  id,
  outcome: 'done',
  evidence: 'response',
  code: null,
  status: 204,
  idempotencyKey: null,
  platformRequestId: 'platform-1',
  ...more,
});

/** A log with a destination that fails while `state.failing` is set. */
function setUp() {
  const lines: string[] = [];
  const state = { failing: false, closed: false };
  const logs: string[] = [];
  const registry = new Registry();
  const log = createAuditLog({
    destination: {
      write: (line) => {
        if (state.failing) throw new Error('The disk is full.');
        lines.push(line);
      },
      [Symbol.dispose]: () => {
        state.closed = true;
      },
    },
    clock: new FakeClock('2030-01-01T00:00:00Z'),
    logger: createLogger({ destination: { write: (line) => void logs.push(line) } }),
    metrics: defineAuditMetrics(new MetricDefinitions(registry)),
  });
  const metrics = () => registry.metrics();
  const ids = () => lines.map((line) => parseAuditLine(line).id);
  return { log, lines, ids, state, logs, metrics };
}

describe('the audit log', () => {
  it('writes one line of JSON for a change', () => {
    const { log, lines } = setUp();
    log.write(entry('7', { idempotencyKey: 'key' }));
    expect(lines).toEqual([
      '{"level":"info","time":"2030-01-01T00:00:00.000Z","type":"audit","principal":"someone",' +
        '"org":"0123456789ABCDEF01234567@AdobeOrg","sandbox":"prod","operation":"cancelExportJob","action":"cancel",' +
        '"entity":"ExportJob","id":"7","outcome":"done","evidence":"response","code":null,"status":204,' +
        '"idempotencyKey":"key","requestId":"client-1","platformRequestId":"platform-1"}\n',
    ]);
  });

  it.each([
    ['control characters', '\u0000\n\r\u007f'],
    ['separators of lines', '\u0085\u2028\u2029'],
    ['characters beyond the first plane', '😀'],
    ['half of a character', '\ud800'],
    ['quotes', '"\\'],
  ])('writes texts of %s in one bounded line of ASCII', (_, text) => {
    const { log, lines } = setUp();
    const longest = text.repeat(500).slice(0, 512);
    log.write(
      entry(longest, { idempotencyKey: longest, platformRequestId: '"'.repeat(600), requestId: 'r'.repeat(600) }),
    );
    const { id, idempotencyKey } = parseAuditLine(lines[0]?.replace(/"r+\\u2026"/, '"r"') ?? '');
    expect(id).toBe(`${longest.slice(0, 199)}…`);
    expect(idempotencyKey).toBe(id);
    expect(lines[0]?.length).toBeLessThan(4_096);
  });

  it('keeps the lines that it cannot write, and writes them in order before the next one', () => {
    const { log, ids, state } = setUp();
    log.write(entry('1'));
    state.failing = true;
    log.write(entry('2'));
    log.write(entry('3'));
    state.failing = false;
    log.write(entry('4'));
    expect(ids()).toEqual(['1', '2', '3', '4']);
  });

  it('refuses changes until it has written the lines that it kept', () => {
    const { log, ids, state } = setUp();
    state.failing = true;
    expect(() => log.assertWritable()).not.toThrow();
    log.write(entry('1'));
    expect(() => log.assertWritable()).toThrow(UpstreamUnreachableError);
    expect(log.flush()).toBe(false);
    state.failing = false;
    expect(() => log.assertWritable()).not.toThrow();
    expect(ids()).toEqual(['1']);
    expect(log.flush()).toBe(true);
  });

  it('logs the first failure and the recovery', () => {
    const { log, state, logs } = setUp();
    state.failing = true;
    for (const id of ['1', '2', '3']) log.write(entry(id));
    state.failing = false;
    log.write(entry('4'));
    const found = logs.map((line): unknown => JSON.parse(line));
    expect(found).toMatchObject([
      {
        level: 'error',
        msg: 'the audit log cannot be written; changes are refused until it can',
        err: { message: 'The disk is full.' },
      },
      { level: 'info', msg: 'the audit log can be written again', count: 3 },
    ]);
  });

  it('counts the lines by outcome, and those that are kept', async () => {
    const { log, state, metrics } = setUp();
    log.write(entry('1'));
    state.failing = true;
    log.write(entry('2', { outcome: 'unknown', evidence: null }));
    const text = await metrics();
    expect(text).toContain('aep_audit_lines_total{outcome="done"} 1\n');
    expect(text).toContain('aep_audit_lines_total{outcome="unknown"} 1\n');
    expect(text).toContain('aep_audit_unwritten_lines 1\n');
  });

  it('writes the kept lines when it is closed, and logs those that are lost', () => {
    const recovered = setUp();
    recovered.state.failing = true;
    recovered.log.write(entry('1'));
    recovered.state.failing = false;
    recovered.log[Symbol.dispose]();
    expect(recovered.ids()).toEqual(['1']);
    expect(recovered.state.closed).toBe(true);

    const failing = setUp();
    failing.state.failing = true;
    failing.log.write(entry('2'));
    failing.log[Symbol.dispose]();
    expect(failing.logs.at(-1)).toContain('a line of the audit log is lost');
    expect(failing.logs.at(-1)).toContain('\\"id\\":\\"2\\"');
  });
});
