import { GraphQLError, Kind } from 'graphql';
import { GraphQLJSONObject, GraphQLSafeInt } from 'graphql-scalars';
import { isoTime } from '../../runtime/iso-time.ts';
import { builder } from '../builder.ts';

const rfc3339 = /^\d{4}-\d{2}-\d{2}T(?!24)\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

/** Maximum length of a date and time, with many digits of a second. */
const maxDateTimeLength = 64;

/**
 * The time, or an Invalid Date if the value is not a time. Days and hours that do not exist are not moved to the next
 * ones.
 */
function parseDateTime(value: unknown): Date {
  const invalid = new Date(Number.NaN);
  if (typeof value !== 'string' || value.length > maxDateTimeLength || !rfc3339.test(value)) return invalid;
  const [year = 0, month = 0, day = 0] = value.slice(0, 10).split('-').map(Number);
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const date = new Date(value);
  return day > daysInMonth || !isWritable(date) ? invalid : date;
}

/** Whether RFC 3339 can write the date: it has four digits for a year. An offset can lead beyond them. */
const isWritable = (date: Date): boolean => date.getTime() >= firstWritable && date.getTime() <= lastWritable;

const firstWritable = Date.parse('0000-01-01T00:00:00.000Z');
const lastWritable = Date.parse('9999-12-31T23:59:59.999Z');

builder.scalarType('DateTime', {
  description:
    'Date and time as RFC 3339 text. Results are in UTC with milliseconds, for example `2030-01-31T23:59:59.000Z`.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time',
  serialize: (value) => {
    if (!(value instanceof Date)) throw new GraphQLError('DateTime cannot represent a value that is not a date.');
    if (!isWritable(value)) throw new GraphQLError('DateTime cannot represent a year outside 0000 to 9999.');
    return isoTime(value);
  },
  // A text that is not a date becomes an Invalid Date here. Input validation rejects it with the path of the argument,
  // as it does every other invalid value. A scalar could only fail the whole request.
  parseValue: parseDateTime,
  parseLiteral: (node) => parseDateTime(node.kind === Kind.STRING ? node.value : null),
});

builder.scalarType('URL', {
  description: 'Absolute URL or URI as text.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3986',
  serialize: String,
  // Input validation checks the value and reports its path, as for DateTime.
  parseValue: String,
});

builder.addScalarType('SafeInt', GraphQLSafeInt);
builder.addScalarType('JSONObject', GraphQLJSONObject);
