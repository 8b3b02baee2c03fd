import { seededMergePolicies, seededSegments } from '../catalog/population.ts';
import { parseExportRequest } from '../jobs/export-request.ts';
import type { JsonObject } from '../json.ts';
import { defaultQuirks } from '../options.ts';
import type { ReceivedExportRequest } from '../store/export-request.ts';
import { exportDatasetIds, type SeededSandbox } from './platform-state-datasets.ts';

const dayMs = 86_400_000;
const schema = { name: '_xdm.context.profile' };

/** Requests that the past exports of a sandbox repeat. Time windows end on the day of `now`. */
export function seededRequests(sandbox: SeededSandbox, now: Date): readonly ReceivedExportRequest[] {
  return bodies(sandbox, now).map((body) => parseExportRequest(body, defaultQuirks));
}

function bodies(sandbox: SeededSandbox, now: Date): readonly JsonObject[] {
  const datasets = exportDatasetIds(sandbox);
  const datasetId = (index: number) => datasets[index % datasets.length];
  return [
    { destination: { datasetId: datasetId(0), segmentPerBatch: false }, schema },
    {
      fields: 'identities.id,personalEmail.address',
      filter: { segments: [{ segmentId: segmentId('ups', 0), segmentNs: 'ups', status: ['realized'] }] },
      destination: { datasetId: datasetId(1), segmentPerBatch: false },
      schema,
    },
    {
      fields: 'identityMap,person,loyalty',
      filter: {
        segments: [
          { segmentId: segmentId('ups', 1), segmentNs: 'ups', status: ['realized'] },
          { segmentId: segmentId('AAM', 0), segmentNs: 'AAM', status: ['realized', 'existing'] },
        ],
      },
      destination: { datasetId: datasetId(1), segmentPerBatch: true },
      schema,
    },
    {
      fields: 'identityMap',
      additionalFields: {
        eventList: { fields: '_id, eventType, timestamp', filter: { fromIngestTimestamp: daysBefore(now, 30) } },
      },
      destination: { datasetId: datasetId(2), segmentPerBatch: false },
      schema,
    },
    {
      fields: 'identityMap,personalEmail.address,mobilePhone.number',
      mergePolicy: { id: seededMergePolicies.find(({ identityGraph }) => identityGraph.type === 'none')?.id },
      destination: { datasetId: datasetId(3), segmentPerBatch: false },
      schema,
    },
    {
      filter: {
        segments: [{ segmentId: segmentId('ups', 3) }],
        segmentQualificationTime: { startTime: daysBefore(now, 90), endTime: daysBefore(now, 0) },
      },
      destination: { datasetId: datasetId(1), segmentPerBatch: false },
      schema,
    },
  ];
}

function segmentId(namespace: string, index: number): string {
  const segment = seededSegments.filter((each) => each.namespace === namespace)[index];
  if (segment === undefined) throw new Error(`There is no seeded segment ${index} in ${namespace}.`);
  return segment.id;
}

/** Midnight in UTC, a number of days before `now`. */
function daysBefore(now: Date, days: number): string {
  const midnight = Math.floor(now.getTime() / dayMs) * dayMs;
  return new Date(midnight - days * dayMs).toISOString();
}
