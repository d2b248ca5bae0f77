/**
 * What a value must look like (`message`) and what to write instead (`fix`). One table, so that the schema, the
 * checker's errors and the published JSON Schema say the same.
 */
export const rules = {
  name: {
    message: 'must be a name: lower-case letters, digits and "-", up to 63 characters, beginning and ending with a letter or digit',
    fix: 'Write a name such as "shop-web".',
  },
  word: {
    message: 'must be one word of letters, digits, ".", "_" and "-", up to 64 characters',
    fix: 'Write one word such as "web" or "ops".',
  },
  text: { message: 'must be one line of text without control characters', fix: 'Write plain text on one line.' },
  glob: {
    message: 'must be an alarm name, in which "*" stands for any characters',
    fix: 'Write an alarm name such as "shop-web-unhealthy", or a pattern such as "shop-web-*"; a lone "*" is not allowed.',
  },
  alarmName: { message: 'must be the exact name of one alarm (no "*")', fix: 'Write the full alarm name, for example "shop-web-unhealthy".' },
  hostname: { message: 'must be a host name', fix: 'Write a host name such as "shop-web" or "shop-web.example.com".' },
  ip: { message: 'must be an IPv4 or IPv6 address', fix: 'Write an address such as "10.0.1.10".' },
  ssmParameter: {
    message: 'must be the name of a Parameter Store parameter under /perennial/; a phone number itself never goes into git',
    fix: 'Store the number as a SecureString parameter, then write its name: "smsParameter: /perennial/contacts/ops-phone".',
  },
  logFile: {
    message: 'must be the absolute path of one file, of letters, digits, ".", "_" and "-"',
    fix: 'Write a path such as "/var/log/messages"; patterns are not expanded.',
  },
  https: {
    message: 'must be an https:// address without a user name or password in it',
    fix: 'Write an address such as "https://chat.example.com/hook".',
  },
  email: { message: 'must be an e-mail address', fix: 'Write an address such as "ops@example.com".' },
  labels: { message: 'must not have more than 50 labels', fix: 'Remove labels until 50 are left.' },
  dimensions: {
    message: 'must not have more than 30 dimensions, the most CloudWatch takes',
    fix: 'Remove dimensions until 30 are left.',
  },
  timeZone: { message: 'must be a time zone of the IANA database', fix: 'Write a zone such as "Asia/Seoul" or "Etc/UTC".' },
  cron: {
    message: 'must be a cron expression of five fields (minute, hour, day, month, weekday) that names a moment',
    fix: 'Write one such as "0 2 * * 6", every Saturday at 02:00.',
  },
  timeOfDay: { message: 'must be a time of day, HH:MM', fix: 'Write a time such as "09:00".' },
  risingLevels: { message: 'every level must come later than the one before it', fix: 'Write rising values of afterMinutes, for example 5, 15, 30.' },
  moment: { message: 'must be a moment with its offset', fix: 'Write a moment such as "2026-12-31T00:00:00Z".' },
  triple: {
    message: 'must be in order: min <= average <= max',
    fix: 'Write the three numbers in rising order, for example "{ min: 2, average: 2, max: 4 }".',
  },
  oneThreshold: {
    message: 'must have exactly one of above and below',
    fix: 'Keep one of them: "above: 500" rings when it grows, "below: 1000" when it falls.',
  },
  unique: { message: 'must not hold the same entry twice', fix: 'Remove the second entry.' },
  healthyInTime: {
    message: 'healthyDeadlineSeconds is too short: the wanted healthy reads alone take longer',
    fix: 'Raise healthyDeadlineSeconds above healthyReads x healthyReadIntervalSeconds.',
  },
  runningInTime: {
    message: 'launchDeadlineSeconds is too short: "running" must persist for longer than that',
    fix: 'Raise launchDeadlineSeconds above runningPersistSeconds.',
  },
  perfectTarget: {
    message:
      'a target of 100 % is refused: it leaves an error budget of nothing, so every deploy and every repair would break it, and users cannot tell it from a little less',
    fix: 'Choose the lowest availability that users accept, for example "targetPercent: 99.9" (43.2 minutes in 30 days).',
  },
  emptyTarget: { message: 'must be more than 0: a target of nothing promises nothing', fix: 'Write a target such as "targetPercent: 99.9".' },
  oneTarget: {
    message: 'must have exactly one of target and targetPercent',
    fix: 'Keep one of them: "target: 0.999" and "targetPercent: 99.9" mean the same.',
  },
  duration: {
    message: 'must be an OpenSLO duration: a whole number and one of m, h, d, w, M, Q, Y',
    fix: 'Write a duration such as "30d" or "4w".',
  },
  rollingWindow: {
    message: 'a rolling window must be 1 to 90 days long, in h, d or w',
    fix: 'Write "duration: 30d" with "isRolling: true".',
  },
  calendarWindow: {
    message: 'a calendar window needs "calendar" with startTime and timeZone, "isRolling" false or absent, and a duration of 1 day to 1 quarter',
    fix: 'Write "duration: 1M" with "calendar: { startTime: 2026-01-01 00:00:00, timeZone: Asia/Seoul }", or a rolling window: "duration: 30d" with "isRolling: true".',
  },
  startTime: { message: 'must be a date and time without a zone', fix: 'Write a moment such as "2026-01-01 00:00:00".' },
  timeSliceWindow: {
    message: 'must be a slice of whole minutes that divides one hour, or of whole hours that divides one day, as a duration or as a number of minutes',
    fix: 'Write "timeSliceWindow: 1m".',
  },
  timeSlices: {
    message: 'budgetingMethod Timeslices needs timeSliceTarget and timeSliceWindow in every objective',
    fix: 'Add "timeSliceTarget: 0.99" and "timeSliceWindow: 1m" to the objective.',
  },
  ratioTimeSlices: {
    message: 'budgetingMethod RatioTimeslices needs timeSliceWindow in every objective',
    fix: 'Add "timeSliceWindow: 1m" to the objective.',
  },
  oneMetric: {
    message: 'must have exactly one of ratioMetric and thresholdMetric',
    fix: 'Keep ratioMetric (good or bad events of all events) or thresholdMetric (a measured value compared with a limit).',
  },
  objectName: {
    message: 'must be a name: letters, digits, "-" and ".", up to 63 characters, beginning and ending with a letter or digit',
    fix: 'Write a name such as "shop-availability".',
  },
  annotationKey: {
    message: 'is no annotation of Perennial',
    fix: 'Write one of: perennial.io/no-data, perennial.io/minimum-events, perennial.io/exclusions.',
  },
  annotationValue: {
    message: 'is not a value this annotation takes',
    fix: 'Write, in quotes, good, bad or ignore for no-data, a whole number from 1 for minimum-events, good or drop for exclusions.',
  },
  sourceType: {
    message: 'must say where the figures come from: type, metricSourceRef, or both',
    fix: 'Write "type: CloudWatch", or "type: Perennial" for target-group, canary and instance-healthy-minutes.',
  },
  perennialRaw: {
    message: 'an indicator of Perennial gives the share of success itself, so it stands under "raw"',
    fix: 'Write "ratioMetric: { rawType: success, raw: { metricSource: { type: Perennial, spec: … } } }".',
  },
  ratioForm: {
    message: 'must be either "good" (or "bad") with "total", or "raw" with "rawType"',
    fix: 'Keep "good" and "total", or "bad" and "total", or "raw" and "rawType: success".',
  },
  rawType: {
    message: 'rawType and raw belong together',
    fix: 'Write "rawType: success" (good/total) or "rawType: failure" (bad/total) beside "raw".',
  },
  oneIndicator: { message: 'must have one of indicator and indicatorRef, not both', fix: 'Keep the indicator itself, or the name of an SLI.' },
  someIndicator: {
    message: 'must have an indicator: what is measured',
    fix: 'Write "indicator:" or "indicatorRef:" beside "objectives", or one in every objective of a composite.',
  },
  compositeIndicator: {
    message: 'has an indicator of its own beside the one that all objectives share',
    fix: 'Give every objective its own indicator (a composite), or none of them.',
  },
  compositeWeight: {
    message: 'compositeWeight belongs to a composite, whose objectives have indicators of their own',
    fix: 'Remove compositeWeight, or move the indicator into the objectives.',
  },
  compositeSlices: { message: 'the objectives of a composite must have slices of one length', fix: 'Write the same timeSliceWindow in every objective.' },
  memberThreshold: {
    message: 'an objective over a thresholdMetric needs op and value',
    fix: 'Add, for example, "op: lte" and "value: 0.3".',
  },
  conditionEntry: {
    message: 'must be either "conditionRef" or an alert condition itself, with "spec"',
    fix: 'Write "conditionRef: name", or "spec: { severity: page, condition: { kind: burnrate, op: gt, threshold: 2, lookbackWindow: 1h } }".',
  },
  oneCondition: { message: 'must have exactly one condition', fix: 'Write a policy of its own for each condition.' },
  targetEntry: {
    message: 'must be either "targetRef" or a notification target itself, with "spec"',
    fix: 'Write "targetRef: name", or "spec: { target: email }".',
  },
  policyEntry: {
    message: 'must be either "alertPolicyRef" or an alert policy itself, with "spec"',
    fix: 'Write "alertPolicyRef: name", or the policy with "spec".',
  },
  percentTarget: {
    message: 'is a percentage here, and less than 1 % is hardly meant',
    fix: 'Write it in percent, for example "target: 99.9".',
  },
  oneNumerator: { message: 'must have exactly one of good and bad', fix: 'Keep "good" or "bad" beside "total".' },
  threshold: {
    message: 'a thresholdMetric needs exactly one objective, with op and value',
    fix: 'Write one objective with, for example, "op: lte" and "value: 0.3".',
  },
  statistic: {
    message: 'must be a CloudWatch statistic',
    fix: 'Write Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p99.',
  },
} as const satisfies Record<string, { readonly message: string; readonly fix: string }>;

/** A rule by its name: what a schema says of a value that breaks it. */
export type RuleName = keyof typeof rules;

/** What a broken rule means and what to write, by its name. A schema's message is such a name, or a text of its own. */
export const textsOfRule: ReadonlyMap<string, { readonly message: string; readonly fix: string }> = new Map(Object.entries(rules));
