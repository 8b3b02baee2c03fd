import { derivedHash, draws } from './population-draws.ts';
import { femaleNames, languages, lastNames, maleNames, places, streets } from './population-vocabulary.ts';

const person = draws('h');
const daySeconds = 86_400;

/** Maximum age of a fragment's last update, in days. */
const updateSpanDays = 400;

/** Expressions of one statement, by column name. */
type Columns = Readonly<Record<string, string>>;

const gender = person.pick('gender', ['female', 'male', 'female', 'male', 'not_specified']);
const firstName = `CASE WHEN ${gender} = 'male' THEN ${person.pick('male', maleNames)} ELSE ${person.pick('female', femaleNames)} END`;
const lastName = person.pick('last', lastNames);
const asAddress = (name: string) => `replace(lower(strip_accents(${name})), '''', '')`;
const email = (host: string) => `${asAddress(firstName)} || '.' || ${asAddress(lastName)} || person || '@${host}'`;
const digits = (name: string, count: number) =>
  `lpad((${derivedHash('h', name)} % ${10 ** count}::UBIGINT)::VARCHAR, ${count}, '0')`;
const ecid = `${digits('ecid-1', 15)} || ${digits('ecid-2', 15)} || ${digits('ecid-3', 8)}`;
const phone = `'+4915' || ${digits('phone', 9)}`;
const points = person.number('points', 20_000);
const tier = (value: string) =>
  `CASE WHEN ${value} < 2000 THEN 'bronze' WHEN ${value} < 8000 THEN 'silver' WHEN ${value} < 15000 THEN 'gold' ELSE 'platinum' END`;
const consent = (name: string, percent: number) => `CASE WHEN ${person.chance(name, percent)} THEN 'y' ELSE 'n' END`;
const known = (name: string, percent: number, value: string) =>
  `CASE WHEN ${person.chance(name, percent)} THEN ${value} END`;

/** @param now an expression of type BIGINT: seconds since 1970 */
const secondsAgo = (now: string, name: string, spanDays: number) =>
  `to_timestamp(${now} - ${person.number(name, spanDays * daySeconds)})`;

const address = (move: string): Columns => ({
  'homeAddress.street1': `(1 + ${person.number(`house-${move}`, 180)}) || ' ' || ${person.pick(`street-${move}`, streets)}`,
  'homeAddress.city': person.pick(
    `place-${move}`,
    places.map(({ city }) => city),
  ),
  'homeAddress.postalCode': digits(`postal-${move}`, 5),
  'homeAddress.region': person.pick(
    `place-${move}`,
    places.map(({ region }) => region),
  ),
  'homeAddress.countryCode': person.pick(
    `place-${move}`,
    places.map(({ countryCode }) => countryCode),
  ),
});

/** CRM fragments, from a relation of people (person, h, has_loyalty). Their points are from the last nightly load. */
export function crmFragment(now: string): Columns {
  const stalePoints = `CASE WHEN has_loyalty AND ${person.chance('stale-points', 40)} THEN ${points} * 4 // 5 END`;
  return {
    updated_at: secondsAgo(now, 'crm-updated', updateSpanDays),
    'identity.CRMID': `'CRM-' || lpad(person::VARCHAR, 9, '0')`,
    'identity.Email': known('crm-email', 90, email('example.com')),
    'identity.Phone': known('crm-phone', 60, phone),
    'identity.ECID': `CASE WHEN NOT has_loyalty AND ${person.chance('crm-ecid', 40)} THEN ${ecid} END`,
    _id: `'crm-' || lpad(person::VARCHAR, 9, '0')`,
    'person.name.firstName': firstName,
    'person.name.lastName': lastName,
    'person.birthDate': `DATE '1945-01-01' + ${person.number('birth', 22_000)}::INTEGER`,
    'person.gender': gender,
    'personalEmail.address': known('crm-email', 90, email('example.com')),
    'mobilePhone.number': known('crm-phone', 60, phone),
    ...address('first'),
    'loyalty.tier': tier(stalePoints).replace('CASE', `CASE WHEN ${stalePoints} IS NULL THEN NULL`),
    'loyalty.points': stalePoints,
    preferredLanguage: person.pick(
      'place-first',
      places.map(({ language }) => language),
    ),
    'consents.collect.val': consent('collect', 92),
    'consents.marketing.email.val': consent('crm-email-consent', 55),
    'consents.marketing.sms.val': consent('sms-consent', 30),
    'consents.metadata.time': secondsAgo(now, 'consent-time', updateSpanDays),
    testProfile: person.chance('test', 1),
  };
}

/** Loyalty fragments. For some members the name, address, language or e-mail differs from the CRM. */
export function loyaltyFragment(now: string): Columns {
  const loyaltyEmail = `CASE WHEN ${person.chance('other-email', 15)} THEN ${email('mail.example.org')} ELSE ${email('example.com')} END`;
  const moved = person.chance('moved', 20);
  const before = address('first');
  const after = Object.entries(address('second')).map(
    ([column, next]) => [column, `CASE WHEN ${moved} THEN ${next} ELSE ${before[column]} END`] as const,
  );
  return {
    updated_at: secondsAgo(now, 'loyalty-updated', updateSpanDays),
    'identity.Loyalty': `'L' || ${digits('loyalty', 7)} || lpad(person::VARCHAR, 9, '0')`,
    'identity.Email': known('loyalty-email', 80, loyaltyEmail),
    'identity.Phone': known('loyalty-phone', 20, phone),
    'identity.ECID': known('loyalty-ecid', 70, ecid),
    _id: `'loyalty-' || lpad(person::VARCHAR, 9, '0')`,
    'person.name.firstName': firstName,
    'person.name.lastName': `CASE WHEN ${person.chance('renamed', 7)} THEN ${person.pick('renamed-to', lastNames)} ELSE ${lastName} END`,
    'personalEmail.address': known('loyalty-email', 80, loyaltyEmail),
    'mobilePhone.number': known('loyalty-phone', 20, phone),
    ...Object.fromEntries(after),
    'loyalty.tier': tier(points),
    'loyalty.points': points,
    'loyalty.joinDate': secondsAgo(now, 'joined', 6 * 365),
    preferredLanguage: known('loyalty-language', 30, person.pick('language', languages)),
    'consents.marketing.email.val': consent('loyalty-email-consent', 65),
    'optInOut._channels.email': `CASE WHEN ${person.chance('loyalty-email-consent', 65)} THEN 'in' ELSE 'out' END`,
    'optInOut._channels.phone': person.pick('phone-channel', ['in', 'out', 'pending']),
  };
}

/** Fragments of people without a record, of whom only the device is known. */
export function eventsFragment(): Columns {
  return { 'identity.ECID': ecid };
}
