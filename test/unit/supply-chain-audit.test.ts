import { describe, expect, it } from 'vitest';
import { judgeAudit } from '../supply-chain/audit.ts';

const advisory = 'https://github.com/advisories/GHSA-1111-2222-3333';
const report = JSON.stringify({
  auditReportVersion: 2,
  vulnerabilities: {
    inner: {
      name: 'inner',
      severity: 'high',
      via: [{ source: 1, name: 'inner', title: 'Prototype pollution', url: advisory, severity: 'high' }],
    },
    outer: { name: 'outer', severity: 'high', via: ['inner'] },
  },
});
const finding = `inner: Prototype pollution (high), ${advisory}`;
const acceptance = { advisory, reason: 'The function is not called.', until: '2026-12-31' };

describe('judgeAudit', () => {
  it('returns each finding once, with the name of its package', () => {
    expect(judgeAudit(report, [], '2026-11-30')).toEqual({ kind: 'findings', findings: [finding], unused: [] });
  });

  it('accepts a finding until the end of the last day of its acceptance', () => {
    expect(judgeAudit(report, [acceptance], '2026-12-31')).toMatchObject({ findings: [] });
    expect(judgeAudit(report, [acceptance], '2027-01-01')).toMatchObject({ findings: [finding] });
  });

  it('returns acceptances that no finding needs', () => {
    const none = JSON.stringify({ vulnerabilities: {} });
    expect(judgeAudit(none, [acceptance], '2026-11-30')).toEqual({
      kind: 'findings',
      findings: [],
      unused: [advisory],
    });
  });

  it.each(['', 'npm error', '{"message":"405 Method Not Allowed"}'])(
    'reports that the registry serves no advisories for the output %j',
    (output) => {
      expect(judgeAudit(output, [], '2026-11-30')).toEqual({ kind: 'unavailable' });
    },
  );
});
