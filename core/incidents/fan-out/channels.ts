import type { Severity } from '../../signals/signal.ts';
import type { NotificationChannel } from '../ports.ts';
import { louderOf, type NotificationStep } from '../record.ts';

type Channels = readonly NotificationChannel[];

const https: Channels = ['https'];
const mail: Channels = ['https', 'email'];
const page: Channels = ['https', 'email', 'sms'];

/** Nobody repairs it, so a loud one needs a person now. */
const nobodyRepairs = { critical: page, high: page, warning: mail, info: https } as const;
const always = (channels: Channels) => ({ critical: channels, high: channels, warning: channels, info: channels }) as const;

/**
 * Who hears of what (design.md sections 2 and 4, issue "main job" point 7): the timeline and HTTPS always, e-mail for what people
 * read when they have time, SMS only when a person is needed.
 */
const channelPolicy = {
  // `critical` pages at once, repair or not; `high` is held while a repair runs; `warning` is mail.
  detected: { critical: page, high: https, warning: mail, info: https },
  replacing: always(mail),
  recovered: always(mail),
  'needs-person': always(page),
  // A dry run touches nothing: the trouble is still there.
  'would-have': nobodyRepairs,
  'unknown-instance': nobodyRepairs,
  // The level says by which channels; without one, by all.
  escalated: always(page),
  // A yes is wanted now, and a phone is enough to say it.
  'approval-needed': always(page),
  'drill-ended': always(mail),
  'deploy-started': always(mail),
  'deploy-finished': always(mail),
  'deploy-failed': always(mail),
  'deploy-rolled-back': always(mail),
  'dead-letter': always(mail),
  digest: always(mail),
  drift: always(mail),
  // A neighbour reads it; nobody is woken for what another team repairs.
  upstream: always(mail),
  // Each says by which channel it goes (limited-publisher.ts): it is what that channel was spared.
  delivery: always(mail),
} as const satisfies Record<NotificationStep, Readonly<Record<Severity, Channels>>>;

/** The channels that may deliver a message of this step and severity. */
export function channelsOf(step: NotificationStep, severity: Severity): Channels {
  return channelPolicy[step][severity];
}

/** A step that is never sent more quietly than this. */
const leastSeverity: Readonly<Partial<Record<NotificationStep, Severity>>> = {
  // Quieter topics reach no phone.
  'needs-person': 'high',
  escalated: 'high',
  'approval-needed': 'high',
  'deploy-failed': 'warning',
  'deploy-rolled-back': 'warning',
  'dead-letter': 'warning',
};

/** The severity a message is sent with. */
export function notifiedSeverity(step: NotificationStep, severity: Severity): Severity {
  return louderOf(severity, leastSeverity[step] ?? 'info');
}
