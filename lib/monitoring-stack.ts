import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  Metric,
  TextWidget,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { System } from '../core/catalog/schema.ts';
import { type MetricAlarm, watchedMetricsOf, type WatchedMetric } from '../core/catalog/watched-metrics.ts';

export interface MonitoringStackProps extends StackProps {
  readonly systems: readonly System[];
  /** Where the alarms speak to Perennial. */
  readonly alarmsTopic: ITopic;
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html: 500 widgets a dashboard; the rest is left to the console. */
const maximumWidgets = 480;
const widgetsPerRow = 4;

/**
 * What each system is watched by (S3-07, S3-08), and one dashboard with a row per tier (S4-13). Apart, because the local AWS knows
 * neither dashboards nor queries in alarms, and because CloudFormation allows 500 resources a stack.
 */
export class MonitoringStack extends Stack {
  constructor(scope: Construct, id: string, { systems, alarmsTopic, ...props }: MonitoringStackProps) {
    super(scope, id, { description: 'What the systems of the catalog are watched by', ...props });
    const metrics = systems.flatMap((system) => watchedMetricsOf(system));
    for (const metric of metrics) if (metric.alarm !== undefined) addAlarm(this, metric, metric.alarm, alarmsTopic);
    addDashboard(this, metrics);
  }
}

function periodOf({ alarm }: WatchedMetric): Duration {
  return Duration.seconds(alarm?.periodSeconds ?? 300);
}

function metricOf(watched: WatchedMetric): IMetric {
  const { source, system, name } = watched;
  const label = `${system} ${name}`;
  const period = periodOf(watched);
  if (source.kind === 'query') return new MathExpression({ expression: source.sql, usingMetrics: {}, label, period });
  const { namespace, metric, dimensions, statistic } = source;
  return new Metric({ namespace, metricName: metric, dimensionsMap: { ...dimensions }, statistic, label, period });
}

function addAlarm(scope: Construct, watched: WatchedMetric, { threshold, isMinimum, periods, severity }: MetricAlarm, topic: ITopic): void {
  const { alarmName, system, name, unit, needs } = watched;
  const says = `${name} of ${system} is ${isMinimum ? 'below' : 'above'} ${threshold} ${unit}.`;
  const alarm = new Alarm(scope, alarmName, {
    alarmName,
    // Perennial reads the severity from here.
    alarmDescription: `[severity=${severity}] ${says}${needs === undefined ? '' : ` It needs: ${needs}`}`,
    metric: metricOf(watched),
    threshold,
    comparisonOperator: isMinimum ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: periods,
    datapointsToAlarm: periods,
    // Silence of these says that nobody measures; status checks and targets say when something is dead.
    treatMissingData: TreatMissingData.MISSING,
  });
  alarm.addAlarmAction(new SnsAction(topic));
  alarm.addOkAction(new SnsAction(topic));
}

function addDashboard(scope: Construct, metrics: readonly WatchedMetric[]): void {
  const dashboard = new Dashboard(scope, 'Dashboard', { dashboardName: 'Perennial-Systems', defaultInterval: Duration.hours(12) });
  const shown = metrics.slice(0, maximumWidgets);
  const tiers = [...new Set(shown.map(({ tier }) => tier))].toSorted();
  for (const tier of tiers) {
    dashboard.addWidgets(new TextWidget({ markdown: `# ${tier}`, width: 24, height: 1 }));
    const widgets = shown.filter((metric) => metric.tier === tier).map(widgetOf);
    for (let first = 0; first < widgets.length; first += widgetsPerRow) dashboard.addWidgets(...widgets.slice(first, first + widgetsPerRow));
  }
}

function widgetOf(watched: WatchedMetric): IWidget {
  const { system, name, unit, alarm } = watched;
  return new GraphWidget({
    title: `${system}: ${name} (${unit})`,
    width: 24 / widgetsPerRow,
    height: 6,
    left: [metricOf(watched)],
    leftAnnotations: alarm === undefined ? [] : [{ value: alarm.threshold, label: alarm.isMinimum ? 'rings below' : 'rings above' }],
  });
}
