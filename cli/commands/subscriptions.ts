import { currentCatalog } from '../../core/catalog/published.ts';
import {
  findSubscriptionGaps,
  readConfirmationLink,
  type SubscriptionFinding,
  type TopicArns,
  type TopicName,
  topicNames,
  type WantedSubscription,
  wantedSubscriptions,
} from '../../core/incidents/fan-out/subscriptions.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok, table } from '../output.ts';
import type { SubscriptionItem } from '../schemas.ts';
import { headerOf, outputOf, type Target } from '../target.ts';

const outputNames = {
  critical: 'CriticalTopicArn',
  high: 'HighTopicArn',
  warning: 'WarningTopicArn',
  info: 'InfoTopicArn',
  platform: 'PlatformTopicArn',
} as const satisfies Record<TopicName, string>;

function topicArnsOf(target: Target): TopicArns {
  return Object.fromEntries(topicNames.map((topic) => [topic, outputOf(target, outputNames[topic])]));
}

/** What of the catalog's subscriptions does not stand, with what anybody could end by a click. */
export async function subscriptionGaps(target: Target): Promise<readonly SubscriptionFinding[]> {
  return findSubscriptionGaps(target.subscriptions, topicArnsOf(target), await currentCatalog(target.records, target.scope), true);
}

/** `perennial subscriptions list`: who hears of what, and whose subscription does not stand. Exit 2 when one does not. */
export async function subscriptionsList(target: Target): Promise<Answer> {
  const wanted = wantedSubscriptions(await currentCatalog(target.records, target.scope));
  const findings = await subscriptionGaps(target);
  const items = wanted.map((one) => itemOf(one, findings));
  const rows = items.map(({ topic, channel, routes, roles, state }) => [topic, channel, routes.join(', '), roles?.join(', ') ?? 'all', state]);
  const text = [
    headerOf(target),
    table(['TOPIC', 'CHANNEL', 'ROUTES', 'ROLES', 'STATE'], rows, 'The catalog has no NotificationRoute: nobody is told of anything.'),
    ...findings.map((finding) => finding.text),
  ].join('\n');
  return { json: items, text, exitCode: findings.length === 0 ? 0 : 2 };
}

function itemOf(wanted: WantedSubscription, findings: readonly SubscriptionFinding[]): SubscriptionItem {
  const { topic, channel, routes, roles } = wanted;
  const found = findings.find((finding) => finding.topic === topic && finding.channel === channel && routes.every((route) => finding.routes.includes(route)));
  return {
    id: `${topic}/${channel}/${routes.join('+')}`,
    system: null,
    state: found?.kind ?? 'confirmed',
    startedAt: null,
    reason: found?.text ?? 'It stands as the catalog says',
    topic,
    channel,
    routes: [...routes],
    roles: roles === undefined ? null : [...roles],
  };
}

/** `perennial subscriptions confirm <link>`: so that only the account can end it (docs/runbook.md). */
export async function subscriptionsConfirm(target: Target, link: string): Promise<Answer> {
  const confirmation = readConfirmationLink(link);
  if (confirmation === undefined)
    throw new CliError(
      'That is no confirmation link of SNS, so nothing was confirmed. Copy the address behind "Confirm subscription" whole, between quotes: "https://sns.<Region>.amazonaws.com/confirmation.html?TopicArn=…&Token=…"',
    );
  const topic = topicNames.find((name) => outputOf(target, outputNames[name]) === confirmation.topicArn);
  if (topic === undefined)
    throw new CliError(
      `The link confirms a subscription to ${confirmation.topicArn}, which is no topic of the stack ${target.stackName}, so nothing was confirmed. Name the right stack or Region, or leave that mail alone.`,
    );
  await target.subscriptions.confirm(confirmation);
  const text = `The subscription to the topic ${topic} is confirmed; only this account can end it.`;
  return ok({ topic, topicArn: confirmation.topicArn, isProtected: true }, `${headerOf(target)}\n${text}`);
}

/** For `doctor`: one line about what does not stand; `undefined` when all does. */
export function gapsText(findings: readonly SubscriptionFinding[]): string | undefined {
  const [first] = findings;
  if (first === undefined) return undefined;
  const more = findings.length - 1;
  return `${first.text}${more === 0 ? '' : ` And ${more} more: perennial subscriptions list.`}`;
}
