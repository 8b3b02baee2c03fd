import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Directory with the text of the platform's documentation pages: next to the repository, or `AEP_SAMPLES_DIR`. */
export const samplesDirectory = process.env['AEP_SAMPLES_DIR'] ?? resolve(import.meta.dirname, '../../../shared/seeds');

export const samplesAvailable = existsSync(samplesDirectory);

/** A JSON object from a documentation page. */
export interface Sample {
  /** File and line, such as `001_….txt:81`. */
  readonly source: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** Request bodies of the pages, by purpose. */
export interface RequestSamples {
  readonly exportJobs: readonly Sample[];
  readonly datasets: readonly Sample[];
  readonly schedules: readonly Sample[];
  /** Single operations of the JSON Patches that change a schedule. */
  readonly schedulePatches: readonly Sample[];
  /** Single entries of the arrays that create a segment job. */
  readonly segmentJobEntries: readonly Sample[];
}

export function requestSamples(): RequestSamples {
  const samples = readdirSync(samplesDirectory)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .flatMap(samplesIn);
  const has = (sample: Sample, name: string) => Object.hasOwn(sample.object, name);
  return {
    exportJobs: samples.filter((each) => has(each, 'destination') && has(each, 'schema') && !has(each, 'status')),
    datasets: samples.filter((each) => has(each, 'schemaRef') && has(each, 'name')),
    schedules: samples.filter((each) => has(each, 'schedule') && has(each, 'type') && !has(each, 'id')),
    schedulePatches: samples.filter((each) => has(each, 'op') && has(each, 'path')),
    segmentJobEntries: samples.filter((each) => Object.keys(each.object).join() === 'segmentId'),
  };
}

function samplesIn(file: string): readonly Sample[] {
  const text = readFileSync(resolve(samplesDirectory, file), 'utf8');
  return objectsIn(text).flatMap(({ source, line }) => {
    const object = parseTolerantly(source);
    return object === null ? [] : [{ source: `${file}:${line}`, object }];
  });
}

/** Texts in balanced braces, outermost only. */
function objectsIn(text: string): readonly { readonly source: string; readonly line: number }[] {
  const found: { source: string; line: number }[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '{') {
      if (depth === 0) start = index;
      depth += 1;
    } else if (text[index] === '}' && depth > 0) {
      depth -= 1;
      if (depth === 0) {
        found.push({ source: text.slice(start, index + 1), line: text.slice(0, start).split('\n').length });
      }
    }
  }
  return found;
}

/** Parses a sample, in which commas may be missing or superfluous. Null when it still is not an object. */
export function parseTolerantly(text: string): Readonly<Record<string, unknown>> | null {
  const repaired = text.replaceAll(/(["}\]\d]|true|false|null)(\s*\n\s*")/g, '$1,$2').replaceAll(/,(\s*[}\]])/g, '$1');
  try {
    const value: unknown = JSON.parse(repaired);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
