import type { CompiledCatalog } from '../../catalog/schema.ts';
import { severities } from '../../catalog/schema.ts';
import type { Scope } from '../../environment/ports.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, updateRecord } from '../../records/record-type.ts';
import type { Severity } from '../../signals/signal.ts';
import { perennial } from '../messages/commands.ts';
import { type DeliveryDesk, deliveryDeskType, smsMonthType, storedDesk, storedMonth } from './limited-publisher.ts';
import { type HeldMails, withoutMails } from './mail-limit.ts';
import type { ComposedMessage } from '../messages/message-facts.ts';
import { clockText, plain, smsText, subjectText } from '../messages/message-text.ts';
import { notify, type NotificationDraft, type NotifyPorts, type NotifyResult } from '../notify.ts';
import { dueBundles, SMS_PAGES_PER_MONTH, type SmsBundle, type SmsLimits, smsMonthOf, usedUpRoles, withoutBundle } from './sms-bundles.ts';

export interface FlushPorts extends NotifyPorts {
  readonly smsLimits: () => Promise<SmsLimits>;
}

/** Together with what {@link takeToken} lets through, fewer than SNS's ten mails a second. */
const MAX_MAILS_PER_TOPIC = 3;
/** As many as roles with phones of their own; the rest by the next tick. */
const MAX_SMS_PER_TOPIC = 20;

/**
 * Sends what was put together, once a minute: SMS whose 120 s are over, mails that came too fast, and one warning when the messages of
 * a month are used up. First the notification, whose id names the bundle, then the desk is cleared: a crash between is found as sent already.
 *
 * @returns one result per notification; `failed` ones stay with the notifications that are sent again
 */
export async function flushBundles(ports: FlushPorts): Promise<readonly NotifyResult[]> {
  const results: NotifyResult[] = [];
  for (const severity of severities) {
    const desk = (await readRecord(ports.store, deliveryDeskType, keys.deliveryDesk(ports.scope, severity)))?.body;
    if (desk === undefined) continue;
    const now = ports.clock.now();
    for (const bundle of dueBundles(desk.sms, now).slice(0, MAX_SMS_PER_TOPIC)) results.push(await flushSms(ports, severity, bundle));
    for (const group of desk.mails.slice(0, MAX_MAILS_PER_TOPIC)) results.push(await flushMails(ports, severity, group));
  }
  return [...results, ...(await warnOfUsedUp(ports))];
}

function clear(ports: FlushPorts, severity: Severity, change: (desk: DeliveryDesk) => DeliveryDesk): Promise<unknown> {
  return updateRecord(ports.store, deliveryDeskType, keys.deliveryDesk(ports.scope, severity), (desk) =>
    desk === undefined ? desk : storedDesk({ ...desk, ...change(desk) }),
  );
}

async function flushSms(ports: FlushPorts, severity: Severity, bundle: SmsBundle): Promise<NotifyResult> {
  const { roles, window } = bundle;
  const result = await notify(ports, {
    // The count too: what joined after a crash is another bundle.
    id: `sms-bundle:${severity}:${roles[0] ?? ''}:${window.openedAt}:${window.count}`,
    ...about(roles),
    step: 'delivery',
    severity,
    channels: ['sms'],
    message: composeSmsBundle(bundle, severity, ports.scope),
  });
  await clear(ports, severity, (desk) => ({ ...desk, sms: withoutBundle(desk.sms, bundle, ports.clock.now()) }));
  return result;
}

/** The sign for "everybody" is no role. */
function about(roles: readonly string[]): Pick<NotificationDraft, 'roles'> {
  return { roles: roles.filter((role) => role !== '*') };
}

async function flushMails(ports: FlushPorts, severity: Severity, group: HeldMails): Promise<NotifyResult> {
  const [first] = group.mails;
  const result = await notify(ports, {
    id: `mail-bundle:${severity}:${group.openedAt}:${first?.id ?? ''}:${group.count}`,
    ...about(group.roles),
    step: 'delivery',
    severity,
    channels: ['email'],
    message: composeMailBundle(group, severity, ports.scope),
  });
  await clear(ports, severity, (desk) => ({ ...desk, mails: withoutMails(desk.mails, group) }));
  return result;
}

async function warnOfUsedUp(ports: FlushPorts): Promise<readonly NotifyResult[]> {
  const key = keys.smsMonth(ports.scope);
  const stored = (await readRecord(ports.store, smsMonthType, key))?.body;
  if (stored === undefined) return [];
  const limits = await ports.smsLimits();
  const month = smsMonthOf(stored, ports.clock.now());
  const results: NotifyResult[] = [];
  for (const role of usedUpRoles(month, limits)) {
    const message = composeUsedUp(role, limits[role] ?? SMS_PAGES_PER_MONTH, month.month, ports.scope);
    results.push(await notify(ports, { id: `sms-used-up:${month.month}:${role}`, step: 'delivery', severity: 'warning', message }));
    await updateRecord(ports.store, smsMonthType, key, (body) =>
      body === undefined || body.month !== month.month || body.warned.includes(role) ? body : storedMonth({ ...body, warned: [...body.warned, role] }),
    );
  }
  return results;
}

function composeSmsBundle({ window }: SmsBundle, severity: Severity, scope: Scope): ComposedMessage {
  const { count, names } = window;
  const head = `${count} more ${count === 1 ? 'page' : 'pages'}: ${names.join(', ')}`;
  return {
    subject: subjectText(`[${severity}] ${head} (${scope.region})`),
    text: `${head}.`,
    sms: smsText([head, `perennial status, ${scope.region}`]),
    data: { schemaVersion: 1, step: 'delivery', kind: 'sms-bundle', ...scopeOf(scope), count, names, since: window.openedAt },
  };
}

function scopeOf({ accountId, region }: Scope): Scope {
  return { accountId, region };
}

/** The whole of each is on the timeline of its incident; programs have had it over HTTPS. */
function composeMailBundle({ count, mails, openedAt }: HeldMails, severity: Severity, scope: Scope): ComposedMessage {
  const left = count - mails.length;
  return {
    subject: subjectText(`[${severity}] ${count} ${count === 1 ? 'message' : 'messages'} in one mail (${scope.region})`),
    text: [
      `${count} ${count === 1 ? 'message' : 'messages'} since ${clockText(openedAt)}, put together because mail may not come faster than one a second:`,
      '',
      ...mails.map(({ subject }) => `  ${plain(subject, 100)}`),
      ...(left > 0 ? [`  and ${left} more`] : []),
      '',
      'Each is written down in full:',
      `  ${perennial('incidents', scope)}`,
      `  ${perennial('status', scope)}`,
    ].join('\n'),
    sms: smsText([`${count} messages`]),
    data: { schemaVersion: 1, step: 'delivery', kind: 'mail-bundle', ...scopeOf(scope), count, notificationIds: mails.map(({ id }) => id), since: openedAt },
  };
}

function composeUsedUp(role: string, limit: number, month: string, scope: Scope): ComposedMessage {
  const head = `No more SMS to ${role} in ${month}: all ${limit} are used up`;
  return {
    subject: subjectText(`[warning] ${head} (${scope.region})`),
    text: [
      `${head}.`,
      '',
      'Their pages still go out by e-mail and HTTPS, and wake nobody by telephone until the month is over.',
      'Find out what pages so often, or raise smsPagesPerMonth of the NotificationRoute in the catalog and deploy.',
      '',
      `  ${perennial('status', scope)}`,
    ].join('\n'),
    sms: smsText([head]),
    data: { schemaVersion: 1, step: 'delivery', kind: 'sms-used-up', ...scopeOf(scope), role, limit, month },
  };
}

/** Role → how many SMS a month, of the routes with a phone; a role with two such routes has the larger number. */
export function smsLimitsOf({ routes }: Pick<CompiledCatalog, 'routes'>): SmsLimits {
  const limits = new Map<string, number>();
  for (const { spec } of routes.filter((route) => route.spec.to.some((target) => 'smsParameter' in target))) {
    limits.set(spec.role, Math.max(limits.get(spec.role) ?? 0, spec.smsPagesPerMonth ?? SMS_PAGES_PER_MONTH));
  }
  return Object.fromEntries(limits);
}
