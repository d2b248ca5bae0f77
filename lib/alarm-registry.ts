import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

/** Every alarm of Perennial about itself begins with this; the signals' rule leaves them out by it. */
export const alarmNamePrefix = 'perennial-';

/**
 * The articles of docs/runbook.md, by their heading; a test compares the two. One article may serve several alarms of one
 * kind, such as one per function. `critical`: a repair or a page may be lost. `high`: it soon may. `warning`: look today.
 */
export const alarmArticles = {
  'signals-dead-letters': 'critical',
  'scheduler-dead-letters': 'critical',
  'signals-rejected': 'warning',
  'signals-age': 'critical',
  'function-errors': 'high',
  'function-throttles': 'high',
  'page-errors': 'critical',
  'repair-failed': 'critical',
  'repair-timed-out': 'critical',
  'heartbeat-missing': 'critical',
  'sweep-not-running': 'high',
  'budget-not-running': 'high',
  'desk-not-running': 'critical',
  'impaired-poll-not-running': 'critical',
  'delivery-failures': 'critical',
  'subscriptions-missing': 'high',
  'scheduler-target-errors': 'high',
  'scheduler-dropped': 'critical',
  'table-throttles': 'high',
} as const satisfies Record<string, 'critical' | 'high' | 'warning'>;

export type AlarmArticle = keyof typeof alarmArticles;

export interface AlarmDeclaration {
  readonly article: AlarmArticle;
  /** Tells alarms of one article apart: `perennial-function-errors-act`. */
  readonly of?: string;
  /** One sentence for the person it wakes. */
  readonly says: string;
  readonly metric: IMetric;
  /** Goes off at this value and above, or below it where `isMinimum`. */
  readonly threshold: number;
  readonly isMinimum?: boolean;
  readonly periods: number;
  /** What silence of the metric means, and why. */
  readonly missing: { readonly data: 'fine' | 'trouble'; readonly why: string };
}

/** The one place that creates alarms; they speak to people through the platform topic, never to the signals queue. */
export class AlarmRegistry extends Construct {
  readonly #topic: ITopic;
  readonly #runbook: string;

  constructor(scope: Construct, id: string, platformTopic: ITopic) {
    super(scope, id);
    this.#topic = platformTopic;
    const address: unknown = this.node.tryGetContext('runbookUrl');
    this.#runbook = typeof address === 'string' ? address : 'docs/runbook.md';
  }

  add(declaration: AlarmDeclaration): Alarm {
    const { article, of, says, metric, threshold, isMinimum, periods, missing } = declaration;
    const name = of === undefined ? article : `${article}-${of}`;
    const alarm = new Alarm(this, name, {
      alarmName: `${alarmNamePrefix}${name}`,
      alarmDescription: `[${alarmArticles[article]}] ${says} Silence of the metric means ${missing.data}: ${missing.why} Runbook: ${this.#runbook}#${article}`,
      metric,
      threshold,
      comparisonOperator: isMinimum === true ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: missing.data === 'trouble' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.#topic));
    alarm.addOkAction(new SnsAction(this.#topic));
    return alarm;
  }
}
