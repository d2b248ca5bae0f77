import { GetSMSAttributesCommand, GetSMSSandboxAccountStatusCommand, ListSubscriptionsByTopicCommand } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { readCatalog } from '../../core/catalog/published.ts';
import { partitions } from '../../core/records/keys.ts';
import type { Answer } from '../output.ts';
import { headerOf, type Target } from '../target.ts';

interface Finding {
  readonly id: string;
  readonly state: 'ok' | 'problem' | 'unknown';
  readonly reason: string;
}

/** A check that cannot be made is "unknown" with its reason, never "ok". */
async function check(id: string, look: () => Promise<Omit<Finding, 'id'>>): Promise<Finding> {
  try {
    return { id, ...(await look()) };
  } catch (error) {
    return { id, state: 'unknown', reason: error instanceof Error ? error.message : String(error) };
  }
}

const fine = (reason: string): Omit<Finding, 'id'> => ({ state: 'ok', reason });
const bad = (reason: string): Omit<Finding, 'id'> => ({ state: 'problem', reason });

async function checkCatalog({ records, scope }: Target): Promise<Omit<Finding, 'id'>> {
  const found = await readCatalog(records, scope);
  if (found === undefined) return bad('No catalog is published; deploy the stack');
  return found.pointer.dirty ? bad(`The catalog ${found.pointer.hash.slice(0, 12)} was published from uncommitted files; commit ops/ and deploy again`) : fine(`Catalog ${found.pointer.hash.slice(0, 12)} of commit ${found.pointer.commit}`);
}

async function checkSubscriptions(target: Target): Promise<Omit<Finding, 'id'>> {
  const topics = Object.entries(target.outputs).filter(([name]) => /^(Critical|High|Warning|Info)TopicArn$/.test(name));
  const answers = await Promise.all(topics.map(([, TopicArn]) => target.clients.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }))));
  const subscriptions = answers.flatMap((answer) => answer.Subscriptions ?? []);
  const pending = subscriptions.filter((subscription) => subscription.SubscriptionArn === 'PendingConfirmation');
  if (subscriptions.length === 0) return bad('Nobody is subscribed to any topic; add a NotificationRoute');
  return pending.length === 0 ? fine(`${subscriptions.length} subscriptions, all confirmed`) : bad(`${pending.length} subscription(s) wait for their confirmation link to be clicked`);
}

async function checkSms({ clients }: Target): Promise<Omit<Finding, 'id'>> {
  const sandbox = await clients.sns.send(new GetSMSSandboxAccountStatusCommand({}));
  if (sandbox.IsInSandbox === true) return bad('SMS is in the sandbox: only verified numbers get messages. Ask AWS Support to leave it');
  const attributes = await clients.sns.send(new GetSMSAttributesCommand({ attributes: ['MonthlySpendLimit'] }));
  const limit = attributes.attributes?.['MonthlySpendLimit'];
  return limit === undefined || Number(limit) <= 1 ? bad(`The monthly SMS limit is ${limit ?? '1'} USD, a few dozen messages. Raise it in Service Quotas`) : fine(`Monthly SMS limit ${limit} USD`);
}

async function checkQueue(target: Target, output: string): Promise<Omit<Finding, 'id'>> {
  const QueueUrl = target.outputs[output];
  if (QueueUrl === undefined) return bad(`The stack has no output ${output}`);
  const answer = await target.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }));
  const depth = Number(answer.Attributes?.['ApproximateNumberOfMessages'] ?? 0);
  return depth === 0 ? fine('empty') : bad(`${depth} message(s) wait; look at them: npm run -s perennial -- dead-letters list`);
}

async function checkSweep({ records, scope }: Target): Promise<Omit<Finding, 'id'>> {
  const page = await records.query(partitions.systems(scope), '', { limit: 1 });
  return page.records.length > 0 ? fine('The sweep has seen the systems') : bad('The sweep has not recorded any system yet; it runs every 10 minutes');
}

/** `perennial doctor`: is the platform itself in order? Exit 2 when it is not. */
export async function doctor(target: Target): Promise<Answer> {
  const findings = await Promise.all([
    check('catalog', () => checkCatalog(target)),
    check('sweep', () => checkSweep(target)),
    check('subscriptions', () => checkSubscriptions(target)),
    check('sms', () => checkSms(target)),
    check('rejected queue', () => checkQueue(target, 'RejectedQueueUrl')),
    check('dead-letter queue', () => checkQueue(target, 'DeadLetterQueueUrl')),
  ]);
  const isSound = findings.every((finding) => finding.state !== 'problem');
  const text = [headerOf(target), ...findings.map((finding) => `${finding.state.padEnd(8)} ${finding.id}: ${finding.reason}`)].join('\n');
  return { json: findings, text, exitCode: isSound ? 0 : 2 };
}
