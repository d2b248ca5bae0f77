import * as z from 'zod/mini';

/**
 * What the functions are told by their environment. CDK takes the names from here, so that a function cannot be deployed
 * without a variable that it reads.
 */

const text = z.string().check(z.minLength(1));
const arn = z.string().check(z.regex(/^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:\d{0,12}:.+$/, 'must be an ARN'));
const queueUrl = z.url();

/** Every variable there is, by name. */
const variables = z.object({
  /** Set by Lambda, which lets nobody else set it (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html). */
  AWS_REGION: z.string().check(z.regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, 'must be a Region')),
  ACCOUNT_ID: z.string().check(z.regex(/^\d{12}$/, 'must be 12 digits')),
  TABLE_NAME: text,
  SIGNALS_QUEUE_URL: queueUrl,
  /** Whole minutes between two polls of a fleet of ten or fewer instances; 1 = every run asks. */
  SMALL_FLEET_POLL_MINUTES: z.string().check(z.regex(/^[1-5]$/, 'must be 1 to 5')),
  REJECTED_QUEUE_URL: queueUrl,
  STATE_MACHINE_ARN: arn,
  OBSERVE_VERSION_ARN: arn,
  ACT_VERSION_ARN: arn,
  PAGE_FUNCTION_ARN: arn,
  SCHEDULER_ROLE_ARN: arn,
  SCHEDULER_GROUP_NAME: text,
  SCHEDULER_DEAD_LETTER_ARN: arn,
  TOPIC_CRITICAL_ARN: arn,
  TOPIC_HIGH_ARN: arn,
  TOPIC_WARNING_ARN: arn,
  TOPIC_INFO_ARN: arn,
  /** Where Perennial's own alarms speak; only its subscriptions are looked at. */
  TOPIC_PLATFORM_ARN: arn,
  /** Names of the Automation documents of the console stack, with commas between; absent where that stack is left out. */
  CONSOLE_DOCUMENTS: z.optional(z.string().check(z.regex(/^[A-Za-z-]+(,[A-Za-z-]+)*$/, 'must be names with commas between'))),
});

const records = { AWS_REGION: true, ACCOUNT_ID: true, TABLE_NAME: true } as const;
const topics = { TOPIC_CRITICAL_ARN: true, TOPIC_HIGH_ARN: true, TOPIC_WARNING_ARN: true, TOPIC_INFO_ARN: true, CONSOLE_DOCUMENTS: true } as const;
const pageTimer = { PAGE_FUNCTION_ARN: true, SCHEDULER_ROLE_ARN: true, SCHEDULER_GROUP_NAME: true, SCHEDULER_DEAD_LETTER_ARN: true } as const;
const repairs = { STATE_MACHINE_ARN: true, OBSERVE_VERSION_ARN: true, ACT_VERSION_ARN: true } as const;

/** What each function reads; least privilege begins with not knowing the names. */
export const functionEnvironments = {
  /** Decides what to do about signals: starts repairs, arms pages, notifies. */
  signals: z.pick(variables, { ...records, ...topics, ...pageTimer, ...repairs, SIGNALS_QUEUE_URL: true, REJECTED_QUEUE_URL: true }),
  /** Phases that read; notifies, because failures end here. */
  observe: z.pick(variables, { ...records, ...topics }),
  /** Phases that change the fleet. */
  act: z.pick(variables, { ...records, ...topics }),
  /** Ends quarantined instances and what repairs have left behind; starts repairs again that nobody carries on. */
  reap: z.pick(variables, { ...records, ...topics, ...repairs }),
  /** Compares fleet and records, subscriptions and catalog; sends notifications again that have no outcome, deletes function versions that no repair needs. */
  sweep: z.pick(variables, { ...records, ...topics, ...repairs, SIGNALS_QUEUE_URL: true, TOPIC_PLATFORM_ARN: true }),
  /** Asks for failed status checks, for which no event exists. */
  impaired: z.pick(variables, { ...records, SIGNALS_QUEUE_URL: true, SMALL_FLEET_POLL_MINUTES: true }),
  /** Reads the objectives' metrics; a burning budget is a signal. */
  budget: z.pick(variables, { ...records, SIGNALS_QUEUE_URL: true }),
  /** Looks at every incident each minute: verified, escalated, told. */
  desk: z.pick(variables, { ...records, ...topics }),
  /** Pages when a repair has not succeeded in time. */
  page: z.pick(variables, { ...records, ...topics }),
  /** Publishes the catalog at deploy. */
  publishCatalog: z.pick(variables, records),
} satisfies Record<string, z.ZodMiniObject>;

/** A deployed function, by the name of its file in `lambdas/` in camel case. */
export type FunctionName = keyof typeof functionEnvironments;

/** The variables that CDK must give to a function: name → value. A missing one is a type error. */
export type FunctionVariables<Name extends FunctionName> = Omit<z.input<(typeof functionEnvironments)[Name]>, 'AWS_REGION'>;

/** What a function finds in its environment. */
export type FunctionEnvironment<Name extends FunctionName> = Readonly<z.output<(typeof functionEnvironments)[Name]>>;
