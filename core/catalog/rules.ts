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
  moment: { message: 'must be a moment with its offset', fix: 'Write a moment such as "2026-12-31T00:00:00Z".' },
  triple: {
    message: 'must be in order: min <= average <= max',
    fix: 'Write the three numbers in rising order, for example "{ min: 2, average: 2, max: 4 }".',
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
    message: 'a calendar window needs "calendar" with startTime and timeZone, "isRolling" false or absent, and a duration in d, w, M, Q or Y',
    fix: 'Write "duration: 1M" with "calendar: { startTime: 2026-01-01 00:00:00, timeZone: Asia/Seoul }", or a rolling window: "duration: 30d" with "isRolling: true".',
  },
  startTime: { message: 'must be a date and time without a zone', fix: 'Write a moment such as "2026-01-01 00:00:00".' },
  timeSliceWindow: {
    message: 'must be a slice of 1 to 60 whole minutes, as a duration or as a number of minutes, that divides one hour',
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
