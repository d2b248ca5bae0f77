import { type CompiledCatalog, type NotificationRoute, type RouteTarget, severities } from '../../catalog/schema.ts';
import type { Severity } from '../../signals/signal.ts';
import { filterRoleOf } from './audience.ts';
import type { NotificationChannel } from '../ports.ts';

/** A topic by what it is for; `platform` is where Perennial speaks of itself. */
export type TopicName = Severity | 'platform';
export const topicNames: readonly TopicName[] = [...severities, 'platform'];

/** A subscription that the catalog asks for. */
export interface WantedSubscription {
  readonly topic: TopicName;
  readonly channel: NotificationChannel;
  /** The address; for a phone the name of the parameter that holds its number. */
  readonly address: string;
  /** The routes that ask for it, for who has to look. */
  readonly routes: readonly string[];
  /** What it filters on; absent = whatever the roles. */
  readonly roles?: readonly string[];
}

/** A subscription that SNS lists. */
export interface FoundSubscription {
  /** `email`, `sms`, `https`, `sqs` … */
  readonly protocol: string;
  readonly endpoint: string;
  /** `pending`: not confirmed, or suspended by SNS; `deleted`: somebody has ended it. */
  readonly state: 'confirmed' | 'pending' | 'deleted';
  /** False: whoever reads a mail can end it with one click. Absent when it was not asked for. */
  readonly isProtected?: boolean;
}

/**
 * Reads what is subscribed. Errors: `RetryableError` (throttled, lost), `PermanentError` (no such topic, no permission, more than 10,000).
 */
export interface SubscriptionReader {
  /** @param withProtection asks for {@link FoundSubscription.isProtected} of each confirmed mail address, one call each */
  list(topicArn: string, withProtection?: boolean): Promise<readonly FoundSubscription[]>;
}

/** As many values as SNS takes in one filter policy (https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html). */
const MAX_FILTER_VALUES = 150;

function addressOf(target: RouteTarget): Pick<WantedSubscription, 'channel' | 'address'> {
  if ('email' in target) return { channel: 'email', address: target.email };
  if ('https' in target) return { channel: 'https', address: target.https };
  return { channel: 'sms', address: target.smsParameter };
}

function isOnTopic({ spec }: NotificationRoute, topic: TopicName): boolean {
  if (topic === 'platform') return spec.severities.some((severity) => severity === 'critical' || severity === 'high');
  return spec.severities.includes(topic);
}

/** `undefined` in either is "everything". */
function joined(left: readonly string[] | undefined, right: readonly string[] | undefined): readonly string[] | undefined {
  if (left === undefined || right === undefined) return undefined;
  const roles = [...new Set([...left, ...right])];
  return roles.length > MAX_FILTER_VALUES ? undefined : roles;
}

/** All subscriptions of a catalog. SNS keeps one per topic and address, so that routes with the same address share it and its filter. */
export function wantedSubscriptions({ systems, routes }: Pick<CompiledCatalog, 'systems' | 'routes'>): readonly WantedSubscription[] {
  return topicNames.flatMap((topic) => {
    const wanted = new Map<string, WantedSubscription>();
    for (const route of routes.filter((candidate) => isOnTopic(candidate, topic))) {
      // What Perennial says of itself carries no roles.
      const role = topic === 'platform' ? undefined : filterRoleOf(route, systems);
      for (const target of route.spec.to)
        addWanted(wanted, { topic, ...addressOf(target), routes: [route.metadata.name] }, role === undefined ? undefined : [role]);
    }
    return [...wanted.values()];
  });
}

function addWanted(wanted: Map<string, WantedSubscription>, one: Omit<WantedSubscription, 'roles'>, roles: readonly string[] | undefined): void {
  const id = `${one.channel} ${one.address}`;
  const other = wanted.get(id);
  const all = other === undefined ? roles : joined(other.roles, roles);
  const names = [...new Set([...(other?.routes ?? []), ...one.routes])];
  wanted.set(id, { ...one, routes: names, ...(all === undefined ? {} : { roles: all }) });
}

/** Something about a subscription that keeps somebody from hearing. */
export interface SubscriptionFinding {
  readonly kind: 'pending' | 'vanished' | 'unprotected';
  readonly topic: TopicName;
  readonly channel: NotificationChannel;
  readonly routes: readonly string[];
  /** One sentence: what it means and what to do. Names no address. */
  readonly text: string;
}

const texts = {
  pending:
    'waits for its confirmation, or SNS has suspended it for more than ten mails a second: it gets nothing. Confirm it with: perennial subscriptions confirm <link>',
  vanished: 'is gone: somebody has ended it, or it was never made. Deploy the stack again, then confirm it',
  unprotected: 'can be ended by whoever reads one of its mails. Subscribe it again, then confirm it with: perennial subscriptions confirm <link>',
} as const;

function findingOf(kind: SubscriptionFinding['kind'], { topic, channel, routes }: WantedSubscription): SubscriptionFinding {
  const route = routes.length === 1 ? 'route' : 'routes';
  return { kind, topic, channel, routes, text: `The ${channel} subscription of the ${route} ${routes.join(', ')} to the topic ${topic} ${texts[kind]}.` };
}

/**
 * Pure: what of one topic's wanted subscriptions does not stand. Addresses are compared; phones are counted, because the catalog knows no
 * number. Subscriptions that the catalog does not ask for are nobody's business here.
 */
export function compareSubscriptions(wanted: readonly WantedSubscription[], found: readonly FoundSubscription[]): readonly SubscriptionFinding[] {
  const phones = wanted.filter(({ channel }) => channel === 'sms');
  const addresses = wanted.filter(({ channel }) => channel !== 'sms');
  return [...addresses.flatMap((one) => comparedByAddress(one, found)), ...comparedByCount(phones, found)];
}

function comparedByAddress(wanted: WantedSubscription, found: readonly FoundSubscription[]): readonly SubscriptionFinding[] {
  const same = found.filter(({ protocol, endpoint }) => protocol === wanted.channel && isSameAddress(endpoint, wanted.address));
  const confirmed = same.find(({ state }) => state === 'confirmed');
  if (confirmed?.isProtected === false) return [findingOf('unprotected', wanted)];
  if (confirmed !== undefined) return [];
  return [findingOf(same.some(({ state }) => state === 'pending') ? 'pending' : 'vanished', wanted)];
}

/** Mail addresses differ in case by habit only. */
function isSameAddress(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** Which phone is missing cannot be told, so that all of them are named as often as some are missing. */
function comparedByCount(phones: readonly WantedSubscription[], found: readonly FoundSubscription[]): readonly SubscriptionFinding[] {
  const standing = found.filter(({ protocol, state }) => protocol === 'sms' && state === 'confirmed').length;
  const [first] = phones;
  const missing = phones.length - standing;
  if (first === undefined || missing <= 0) return [];
  const everyRoute = { ...first, routes: [...new Set(phones.flatMap(({ routes }) => routes))] };
  return Array.from({ length: missing }, () => findingOf('vanished', everyRoute));
}

/** The topics of a deployed stack, by name; one that is left out is not looked at. */
export type TopicArns = Readonly<Partial<Record<TopicName, string>>>;

/** Compares all topics. Errors: those of the reader. */
export async function findSubscriptionGaps(
  reader: SubscriptionReader,
  topicArns: TopicArns,
  catalog: Pick<CompiledCatalog, 'systems' | 'routes'>,
  withProtection = false,
): Promise<readonly SubscriptionFinding[]> {
  const wanted = wantedSubscriptions(catalog);
  const findings: SubscriptionFinding[] = [];
  for (const topic of topicNames) {
    const arn = topicArns[topic];
    const here = wanted.filter((one) => one.topic === topic);
    if (arn !== undefined && here.length > 0) findings.push(...compareSubscriptions(here, await reader.list(arn, withProtection)));
  }
  return findings;
}

/** What the mail or the request asking for a confirmation holds. */
export interface SubscriptionConfirmation {
  readonly topicArn: string;
  readonly token: string;
}

/** Confirms a subscription so that only its account can end it. Errors: `RetryableError`; `PermanentError` (the token is wrong or older than two days). */
export interface SubscriptionConfirmer {
  confirm(confirmation: SubscriptionConfirmation): Promise<void>;
}

/** `https://sns.<Region>.amazonaws.com/confirmation.html?TopicArn=…&Token=…`, or the `SubscribeURL` that an HTTPS subscriber is sent. */
const confirmationLink = /^https:\/\/sns\.[a-z0-9-]{1,30}\.amazonaws\.com(?:\.cn)?\/(?:confirmation\.html)?\?([\w%.:=&+*~@-]{1,4000})$/;
const topicArnForm = /^arn:[a-z-]{3,20}:sns:[a-z0-9-]{1,30}:\d{12}:[\w-]{1,256}$/;
const tokenForm = /^[0-9A-Za-z]{16,1024}$/;

/** Reads the link of a confirmation mail; `undefined` when it is not one of SNS. A link cannot lead anywhere: only its topic and token are used. */
export function readConfirmationLink(link: string): SubscriptionConfirmation | undefined {
  const query = confirmationLink.exec(link.trim())?.[1];
  if (query === undefined) return undefined;
  const values = new Map(query.split('&').map((pair) => [pair.slice(0, pair.indexOf('=')), decoded(pair.slice(pair.indexOf('=') + 1))]));
  const topicArn = values.get('TopicArn') ?? '';
  const token = values.get('Token') ?? '';
  return topicArnForm.test(topicArn) && tokenForm.test(token) ? { topicArn, token } : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
