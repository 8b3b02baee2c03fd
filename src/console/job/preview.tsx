import { useQuery } from 'urql';
import { failureOf } from '../app/failure.ts';
import { formatCount } from '../app/format.ts';
import { BatchPreviewDocument } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { ErrorText } from '../ui/error-text.tsx';
import { Skeleton } from '../ui/feedback.tsx';
import { cellText, shownColumns, valueAt } from './preview-columns.ts';

/** First rows of a batch. They are personal data, so that they are read only on request. */
export function Preview({ batchId }: { readonly batchId: string }) {
  const [{ data, error, fetching }] = useQuery({ query: BatchPreviewDocument, variables: { id: batchId } });
  const words = texts.job.files;
  if (fetching) return <Skeleton label={words.previewLoading} lines={4} />;
  const preview = data?.batch?.preview ?? null;
  if (preview === null)
    return error === undefined ? <p className="muted">{words.previewNone}</p> : <ErrorText error={failureOf(error)} />;
  const columns = shownColumns(preview.columns, preview.rows);
  return (
    <>
      {/* Only a part that has the focus can be scrolled with the keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section className="preview" tabIndex={0} aria-label={words.previewOf(batchId.slice(0, 8))}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col" className="preview-head">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {preview.rows.map((row, index) => (
              // Rows have no identity and do not change.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              <tr key={index}>
                {columns.map((column) => (
                  <PreviewCell key={column} value={valueAt(row, column)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p className="muted">
        {preview.rowCount === null
          ? words.shownOnly(formatCount(preview.rows.length))
          : words.shown(formatCount(preview.rows.length), formatCount(preview.rowCount))}
      </p>
    </>
  );
}

const PreviewCell = ({ value }: { readonly value: unknown }) => {
  const text = cellText(value);
  return (
    <td title={text} className={typeof value === 'number' ? 'cell-number' : undefined}>
      {text}
    </td>
  );
};
