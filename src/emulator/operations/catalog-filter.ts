import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { badRequest } from './catalog-errors.ts';

/** A condition on the document of a Catalog object. */
export type Predicate = (document: JsonObject) => boolean;

/**
 * `{field}=v`, `=!v`, `=v1,v2` and `=!v1,v2`: the field has one of the values, or none of them. Values may contain `*`.
 */
export function parseSimpleFilter(field: string, text: string): Predicate {
  const negated = text.startsWith('!');
  const patterns = (negated ? text.slice(1) : text).split(',').map(wildcard);
  return (document) => {
    const value = document[field];
    const found = value !== undefined && patterns.some((matches) => textsOf(value).some(matches));
    return found !== negated;
  };
}

/** `tag:value,tag2:*`: the object must have all of these tags. */
export function parseTags(text: string): readonly Predicate[] {
  return text
    .split(',')
    .filter((item) => item !== '')
    .map((item) => {
      if (item.indexOf(':') < 1) throw badRequest('tags must be a list of {tag}:{value}');
      return (document: JsonObject) => hasTag(document, item);
    });
}

/** Both the name of a tag and its values may contain colons, as in `unifiedProfile:enabled:true`. */
function hasTag({ tags }: JsonObject, item: string): boolean {
  if (!isJsonObject(tags)) return false;
  return Object.entries(tags).some(([tag, values]) => {
    if (!Array.isArray(values) || !item.startsWith(`${tag}:`)) return false;
    return values.map(textOf).some(wildcard(item.slice(tag.length + 1)));
  });
}

const comparisons: Readonly<Record<string, (difference: number) => boolean>> = {
  '==': (difference) => difference === 0,
  '!=': (difference) => difference !== 0,
  '<=': (difference) => difference <= 0,
  '>=': (difference) => difference >= 0,
  '<': (difference) => difference < 0,
  '>': (difference) => difference > 0,
};

/**
 * Parses a condition on a top-level field: `name` (is present), `!name` (is absent), `name==v`, `!=`, `<`, `<=`, `>`,
 * `>=` and `name~pattern`.
 */
export function parsePropertyExpression(text: string): Predicate {
  const [, field, operator, operand] = /^([^!=<>~]+)(==|!=|<=|>=|<|>|~)(.*)$/s.exec(text) ?? [];
  if (field !== undefined && operator !== undefined && operand !== undefined) {
    return operator === '~' ? matchesPattern(field, operand) : compares(field, operator, operand);
  }
  const [, negation, name] = /^(!?)([^!=<>~]+)$/.exec(text) ?? [];
  if (name === undefined) throw badRequest(`property cannot be understood: ${text}`);
  const matches = wildcard(name);
  const negated = negation === '!';
  return (document) => Object.keys(document).some((key) => document[key] !== undefined && matches(key)) !== negated;
}

function compares(field: string, operator: string, operand: string): Predicate {
  const holds = comparisons[operator];
  if (holds === undefined) throw badRequest(`property has an unknown operator: ${operator}`);
  if (operator === '==' || operator === '!=') {
    const equals = wildcard(operand);
    return (document) => {
      const value = document[field];
      return (value !== undefined && textsOf(value).some(equals)) === (operator === '==');
    };
  }
  return (document) => {
    const value = document[field];
    return value !== undefined && holds(difference(value, operand));
  };
}

function difference(value: JsonValue, operand: string): number {
  if (typeof value === 'number') return value - Number(operand);
  const text = textOf(value);
  if (text === operand) return 0;
  return text < operand ? -1 : 1;
}

/** Maximum length of the pattern in `property={field}~{pattern}`, in characters. */
const maximumPatternLength = 100;

/**
 * Matches a pattern of literal text, `.`, `.*`, `^` and `$`. This subset is enough for the documented use, and no
 * pattern in it is expensive to match.
 */
function matchesPattern(field: string, pattern: string): Predicate {
  if (pattern.length > maximumPatternLength) throw badRequest('the pattern of property is too long');
  const anchoredStart = pattern.startsWith('^');
  const anchoredEnd = pattern.endsWith('$');
  const core = pattern.slice(anchoredStart ? 1 : 0, anchoredEnd ? -1 : undefined);
  if (/[\\[\](){}+?|^$*]/.test(core.replaceAll('.*', '')))
    throw badRequest('the pattern of property may use only ., .*, ^ and $');
  const glob = `${anchoredStart ? '' : '*'}${core.replaceAll('.*', '*')}${anchoredEnd ? '' : '*'}`;
  const matches = globMatcher(glob, '.');
  return (document) => {
    const value = document[field];
    return value !== undefined && matches(textOf(value));
  };
}

/** Compares with text in which `*` stands for any text. */
function wildcard(pattern: string): (text: string) => boolean {
  return globMatcher(pattern, null);
}

/**
 * Matches a glob in time proportional to the product of both lengths. `*` stands for any text, `single` for any one
 * character.
 */
function globMatcher(glob: string, single: string | null): (text: string) => boolean {
  return (text) => {
    let position = 0;
    let index = 0;
    let starIndex = -1;
    let starPosition = 0;
    while (position < text.length) {
      if (glob[index] === '*') {
        starIndex = index;
        starPosition = position;
        index += 1;
      } else if (index < glob.length && (glob[index] === text[position] || glob[index] === single)) {
        index += 1;
        position += 1;
      } else if (starIndex >= 0) {
        starPosition += 1;
        position = starPosition;
        index = starIndex + 1;
      } else {
        return false;
      }
    }
    while (glob[index] === '*') index += 1;
    return index === glob.length;
  };
}

/** Text forms that a value is equal to. Clients written in Python send `True` for `true`. */
function textsOf(value: JsonValue): readonly string[] {
  return typeof value === 'boolean' ? [String(value), value ? 'True' : 'False'] : [textOf(value)];
}

function textOf(value: JsonValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
