import type { GatewayContext } from '../../context/context.ts';
import type { Batch } from '../../domain/batch.ts';
import type { ParquetPreview } from '../../parquet/preview.ts';

export interface BatchPreview extends Pick<ParquetPreview, 'columns' | 'rows'> {
  readonly rowCount: number | null;
}

/** Maximum number of files that are searched for rows, because an export may begin with empty files. */
const maxFiles = 4;

/** The first rows of the first file with rows. Null if the batch is not readable, or has no Parquet file. */
export async function previewOf(
  { id, status, recordCount }: Batch,
  rows: number,
  ctx: Pick<GatewayContext, 'loaders' | 'contents'>,
): Promise<BatchPreview | null> {
  if (status !== 'ACTIVE' && status !== 'SUCCESS') return null;
  const { nodes, pageInfo } = await ctx.loaders.files({ first: maxFiles, after: null, batchId: id });
  let found: ParquetPreview | null = null;
  for (const file of nodes) {
    found = (await ctx.contents.preview(file, rows)) ?? found;
    if (found !== null && found.rows.length > 0) break;
  }
  if (found === null) return null;
  const isOnlyFile = nodes.length === 1 && !pageInfo.hasNextPage;
  return { ...found, rowCount: recordCount ?? (isOnlyFile ? found.rowCount : null) };
}
