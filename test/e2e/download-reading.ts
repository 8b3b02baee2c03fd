import type { Gateway } from '../support/gateway.ts';
import { ExportJobDocument } from './operations.generated.ts';

/** A past job of `prod` whose batch still has its files. */
export const jobWithFiles = '24055';

/** Returns the link to the first file of an export job. */
export async function linkFrom(gateway: Gateway, job = jobWithFiles, headers = {}): Promise<string> {
  const { exportJob } = await gateway.query(ExportJobDocument, { id: job }, headers);
  const url = exportJob?.destination.batches[0]?.batch?.files?.nodes[0]?.downloadUrl;
  if (url === undefined) throw new Error(`Job ${job} has no file.`);
  return url;
}

export const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

/** Whether a call to the platform reads the bytes of a file, or its length by HEAD. */
export const isContentRequest = (target: string | undefined): boolean => /\/export\/files\/.*path=/.test(target ?? '');
