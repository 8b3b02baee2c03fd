import type { Gateway } from '../../support/gateway.ts';

/** Starts an export into a new dataset, and returns its id at the platform. */
export async function startExport(gateway: Gateway): Promise<string> {
  const { data } = await gateway.send(`mutation {
    createExportJob(input: { fields: ["person.name"], destination: { target: { newDataset: { name: "From a test" } } } }) {
      ... on CreateExportJobPayload { exportJob { platformId } }
    }
  }`);
  // The shape of the response is that of the document.
  return (data as { readonly createExportJob: { readonly exportJob: { readonly platformId: string } } }).createExportJob
    .exportJob.platformId;
}
