import { z } from 'zod';

const text = z.string().min(1).nullable();

/** A line of the audit log, with exactly the documented members. */
const auditLine = z.strictObject({
  level: z.literal('info'),
  time: z.iso.datetime({ precision: 3 }),
  type: z.literal('audit'),
  principal: z.string().min(1),
  platformUser: z.string().min(1).optional(),
  org: z.string().regex(/@AdobeOrg$/),
  sandbox: z.string().min(1),
  operation: z.string().min(1),
  action: z.enum(['create', 'cancel', 'update', 'delete']),
  entity: z.enum(['ExportJob', 'SegmentJob', 'Schedule', 'Dataset']),
  id: text,
  outcome: z.enum(['done', 'replayed', 'rejected', 'failed', 'unknown']),
  evidence: z.enum(['response', 'state']).nullable(),
  code: text,
  status: z.int().nullable(),
  idempotencyKey: text,
  requestId: z.string().regex(/^[\w.:-]{1,160}$/),
  platformRequestId: text,
});

export type AuditLine = z.output<typeof auditLine>;

/** Maximum length of a line, in bytes. */
const maxBytes = 4_096;

/** @throws the text is not one line of the audit log */
export function parseAuditLine(line: string): AuditLine {
  if (!/^[\x20-\x7e]+\n$/.test(line)) throw new Error('This is not one line of printable ASCII.');
  if (line.length >= maxBytes) throw new Error(`The line has ${line.length} bytes.`);
  return auditLine.parse(JSON.parse(line));
}
