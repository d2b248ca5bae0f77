import { readCatalog } from '../../core/catalog/published.ts';
import { partitions } from '../../core/records/keys.ts';
import { type Answer, counted, moment } from '../output.ts';
import { explainFailure } from '../explain-failure.ts';
import type { DoctorAnswer } from '../schemas.ts';
import { gapsText, subscriptionGaps } from './subscriptions.ts';
import { commandFor, headerOf, outputOf, type Target } from '../target.ts';

interface Finding {
  readonly state: DoctorAnswer[number]['state'];
  readonly reason: string;
}

const fine = (reason: string): Finding => ({ state: 'ok', reason });
const bad = (reason: string): Finding => ({ state: 'problem', reason });

/** A check that cannot be made is "unknown" with its reason, never "ok". */
async function look(check: (target: Target) => Promise<Finding>, target: Target): Promise<Finding> {
  try {
    return await check(target);
  } catch (error) {
    return { state: 'unknown', reason: `Could not be asked: ${explainFailure(error)}` };
  }
}

async function checkCatalog({ records, scope }: Target): Promise<Finding> {
  const found = await readCatalog(records, scope);
  if (found === undefined) return bad('No catalog is published, so nothing is repaired. Deploy the stack: npx cdk deploy');
  const { hash, commit, dirty, publishedAt } = found.pointer;
  const which = `Catalog ${hash.slice(0, 12)}, published ${moment(publishedAt)}`;
  if (dirty) return bad(`${which} from uncommitted files: git does not say what is in force. Commit ops/ and deploy again.`);
  return fine(`${which} from ${commit === null ? 'a folder outside git' : `commit ${commit.slice(0, 12)}`}`);
}

async function checkSweep({ records, scope }: Target): Promise<Finding> {
  const page = await records.query(partitions.systems(scope), '', { limit: 1 });
  if (page.records.length > 0) return fine('The sweep has recorded the systems');
  return bad('The sweep has not recorded any system yet. It runs every 10 minutes; if that is over, look at the log of the sweep function.');
}

const topicOutputs = ['CriticalTopicArn', 'HighTopicArn', 'WarningTopicArn', 'InfoTopicArn', 'PlatformTopicArn'];

async function checkSubscriptions(target: Target): Promise<Finding> {
  const topics = await Promise.all(
    topicOutputs.map(async (output) => ({
      name: output.replace('TopicArn', '').toLowerCase(),
      ...(await target.account.subscriptions(outputOf(target, output))),
    })),
  );
  const total = topics.reduce((sum, topic) => sum + topic.total, 0);
  const unconfirmed = topics.reduce((sum, topic) => sum + topic.unconfirmed, 0);
  if (unconfirmed > 0)
    return bad(`${counted(unconfirmed, 'subscription')} of ${total} not confirmed: their readers get nothing until they follow the link that AWS sent them.`);
  const silent = topics.filter((topic) => topic.total === 0 && (topic.name === 'critical' || topic.name === 'high'));
  if (silent.length > 0)
    return bad(`Nobody is subscribed to ${silent.map(({ name }) => name).join(' and ')}: nobody is paged. Add a NotificationRoute in ops/ and deploy.`);
  const gaps = gapsText(await subscriptionGaps(target));
  return gaps === undefined ? fine(`${counted(total, 'subscription')}, all confirmed`) : bad(gaps);
}

/** https://docs.aws.amazon.com/sns/latest/dg/channels-sms-awssupport-spend-threshold.html: 1 USD a month at first. */
const FIRST_SMS_LIMIT_DOLLARS = 1;

async function checkSms({ account }: Target): Promise<Finding> {
  const { isInSandbox, monthlyLimitDollars } = await account.sms();
  if (isInSandbox)
    return bad('SMS is in the sandbox: only verified numbers get messages. Leave it in the SNS console (Text messaging), or verify the numbers there.');
  const limit = monthlyLimitDollars ?? FIRST_SMS_LIMIT_DOLLARS;
  if (limit <= FIRST_SMS_LIMIT_DOLLARS) return bad(`SMS may cost ${limit} USD a month, a few dozen messages. Raise it in Service Quotas (Amazon SNS).`);
  return fine(`SMS may cost ${limit} USD a month`);
}

/** Fewer than the functions of one busy minute: see lib/functions.ts, which is made for the ten of a new account. */
const FEWEST_EXECUTIONS = 10;

async function checkConcurrency({ account }: Target): Promise<Finding> {
  const { unreserved } = await account.concurrency();
  if (unreserved >= FEWEST_EXECUTIONS) return fine(`Lambda may run ${unreserved} executions at once`);
  return bad(
    `Lambda may run only ${unreserved} unreserved executions at once, fewer than the ${FEWEST_EXECUTIONS} Perennial is made for. Raise "Concurrent executions" in Service Quotas.`,
  );
}

function checkQueue(output: string): (target: Target) => Promise<Finding> {
  return async (target) => {
    const depth = await target.queues.depth(outputOf(target, output));
    return depth === 0 ? fine('Empty') : bad(`${counted(depth, 'message')} waiting. Look at them: ${commandFor(target, 'dead-letters list')}`);
  };
}

const checks = {
  catalog: checkCatalog,
  sweep: checkSweep,
  subscriptions: checkSubscriptions,
  sms: checkSms,
  concurrency: checkConcurrency,
  'rejected-queue': checkQueue('RejectedQueueUrl'),
  'dead-letter-queue': checkQueue('DeadLetterQueueUrl'),
  'schedule-dead-letter-queue': checkQueue('ScheduleDeadLetterQueueUrl'),
} as const satisfies Record<string, (target: Target) => Promise<Finding>>;

/** `perennial doctor`: is the platform itself in order? Exit 2 when it is not. */
export async function doctor(target: Target): Promise<Answer> {
  const startedAt = target.clock.now();
  const json: DoctorAnswer = await Promise.all(
    Object.entries(checks).map(async ([id, check]) => ({ id, system: null, startedAt, ...(await look(check, target)) })),
  );
  const width = Math.max(...json.map(({ id }) => id.length));
  const problems = json.filter(({ state }) => state === 'problem').length;
  const unknown = json.filter(({ state }) => state === 'unknown').length;
  const verdict = problems === 0 ? 'No problem found' : `${counted(problems, 'problem')} found`;
  const text = [
    headerOf(target),
    ...json.map(({ id, state, reason }) => `${state.padEnd(7)}  ${id.padEnd(width)}  ${reason}`),
    `${verdict}${unknown === 0 ? '' : `; ${counted(unknown, 'check')} could not be made`}.`,
  ].join('\n');
  return { json, text, exitCode: problems === 0 ? 0 : 2 };
}
