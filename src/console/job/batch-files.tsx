import { useEffect, useState } from 'react';
import { useQuery } from 'urql';
import { browserClock } from '../app/clock.ts';
import { failureOf } from '../app/failure.ts';
import { formatCount } from '../app/format.ts';
import { formatBytes } from '../app/format-bytes.ts';
import { BatchFilesDocument, type BatchFilesQuery } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { Button, ButtonLink } from '../ui/button.tsx';
import { ErrorText } from '../ui/error-text.tsx';
import { Skeleton } from '../ui/feedback.tsx';
import { Preview } from './preview.tsx';

type Connection = NonNullable<NonNullable<BatchFilesQuery['batch']>['files']>;
type File = Connection['nodes'][number];

/** Time before their end at which links are read again, in milliseconds. */
const renewMs = 10_000;

/** Files of a readable batch, with links for downloads and the first rows. */
export function BatchFiles({ batchId }: { readonly batchId: string }) {
  const [afters, setAfters] = useState<readonly (string | null)[]>([null]);
  const [isPreviewed, setPreviewed] = useState(false);
  return (
    <>
      {afters.map((after, index) => (
        <FilePage
          key={after}
          batchId={batchId}
          after={after}
          onMore={index === afters.length - 1 ? (next) => setAfters([...afters, next]) : null}
        />
      ))}
      <div>
        <Button onPress={() => setPreviewed(!isPreviewed)} aria-expanded={isPreviewed}>
          {isPreviewed ? texts.job.files.hidePreview : texts.job.files.preview}
        </Button>
      </div>
      {isPreviewed && <Preview batchId={batchId} />}
    </>
  );
}

interface FilePageProps {
  readonly batchId: string;
  readonly after: string | null;
  /** Shows the page after this cursor; null if it is shown. */
  readonly onMore: ((after: string) => void) | null;
}

function FilePage({ batchId, after, onMore }: FilePageProps) {
  const [{ data, error, fetching }, read] = useQuery({
    query: BatchFilesDocument,
    variables: { id: batchId, after },
    // Links of an earlier visit may have expired.
    requestPolicy: 'network-only',
  });
  const files = data?.batch?.files ?? null;
  const expiresAt = files?.nodes[0]?.downloadUrlExpiresAt;
  useEffect(() => {
    if (expiresAt === undefined) return;
    const left = Date.parse(expiresAt) - browserClock.now() - renewMs;
    return browserClock.after(Math.max(renewMs, left), () => read({ requestPolicy: 'network-only' }));
  }, [expiresAt, read]);
  if (files === null) {
    if (fetching) return <Skeleton label={texts.job.files.loading} lines={2} />;
    return error === undefined ? (
      <p className="muted">{texts.job.files.none}</p>
    ) : (
      <ErrorText error={failureOf(error)} />
    );
  }
  if (files.nodes.length === 0) return <p className="muted">{texts.job.files.none}</p>;
  const { hasNextPage, endCursor } = files.pageInfo;
  return (
    <>
      <ul className="files">
        {files.nodes.map((file) => (
          <FileEntry key={file.name} file={file} />
        ))}
      </ul>
      {hasNextPage && endCursor !== null && onMore !== null && (
        <Button onPress={() => onMore(endCursor)}>{texts.job.files.more}</Button>
      )}
    </>
  );
}

function FileEntry({ file: { name, sizeBytes, rowCount, original, csv } }: { readonly file: File }) {
  const words = texts.job.files;
  const isParquet = rowCount !== null;
  const notes = [
    ...(rowCount === null ? [] : [words.rows(formatCount(rowCount))]),
    ...(sizeBytes === null ? [] : [formatBytes(sizeBytes)]),
  ];
  return (
    <li className="file">
      <span className="file-name">
        <code>{name}</code>
        <span className="muted">{notes.join(' · ')}</span>
      </span>
      <span className="file-links">
        {isParquet && (
          <ButtonLink href={csv} download="" aria-label={words.download(words.csv, name)}>
            {words.csv}
          </ButtonLink>
        )}
        <ButtonLink href={original} download="" aria-label={words.download(words.original, name)}>
          {words.original}
        </ButtonLink>
      </span>
    </li>
  );
}
