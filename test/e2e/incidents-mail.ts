import { setTimeout as delay } from 'node:timers/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { GetSubscriptionAttributesCommand, ListSubscriptionsByTopicCommand, PublishCommand, SubscribeCommand, UnsubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';
import { SnsSubscriptions } from '../../aws/platform/subscription-reader.ts';
import type { CompiledCatalog } from '../../core/catalog/schema.ts';
import { type TopicName, wantedSubscriptions, type WantedSubscription } from '../../core/incidents/fan-out/subscriptions.ts';
import { until } from '../../sandbox/demo/story.ts';
import { FAILING_PROGRAM, routeNames } from './incidents-catalog.ts';
import type { Ground } from './world.ts';

/*
 * Everybody who is subscribed: a queue stands in for each mail address, with the very filter that the deployed subscription has, and a
 * server of this process for the programs.
 */

/** One message as its reader has it. */
export interface Message {
  /** Name of the route. */
  readonly to: string;
  readonly by: 'email' | 'https';
  readonly step: string;
  readonly system: string;
  readonly subject: string;
  /** The text of a mail, the JSON of a program. */
  readonly body: string;
}

const snsMessage = z.object({
  Type: z.string(),
  TopicArn: z.string(),
  Token: z.optional(z.string()),
  Subject: z._default(z.string(), ''),
  Message: z.string(),
  MessageAttributes: z._default(z.record(z.string(), z.object({ Value: z.string() })), {}),
});
type SnsMessage = z.infer<typeof snsMessage>;

function messageOf(to: string, by: Message['by'], { Subject, Message, MessageAttributes }: SnsMessage): Message {
  return { to, by, step: MessageAttributes['step']?.Value ?? '', system: MessageAttributes['system']?.Value ?? '', subject: Subject, body: Message };
}

const FENCE = 'fence';
const PROGRAMS_MILLISECONDS = 120_000;

/** Mailboxes and programs of all routes of these stories. */
export class Readers {
  readonly #ground: Ground;
  readonly #wanted: readonly WantedSubscription[];
  readonly #queueUrls = new Map<string, string>();
  readonly #server: Server;
  readonly #confirmations: { readonly path: string; readonly topicArn: string; readonly token: string }[] = [];
  #unread: Message[] = [];
  #fences = 0;

  constructor(ground: Ground, catalog: CompiledCatalog) {
    this.#ground = ground;
    this.#wanted = wantedSubscriptions(catalog).filter(({ topic, channel, routes }) => topic !== 'platform' && channel !== 'sms' && isOurs(routes));
    this.#server = createServer((request, response) => {
      this.#hear(request).then(
        (status) => response.writeHead(status).end(),
        () => response.writeHead(400).end(),
      );
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    for (const wanted of this.#wanted) {
      const filter = await this.#deployedFilter(wanted);
      await (wanted.channel === 'email' ? this.#subscribeMailbox(wanted, filter) : this.#subscribeProgram(wanted, filter));
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #topicArn(topic: TopicName): string {
    const { CriticalTopicArn: critical, HighTopicArn: high, WarningTopicArn: warning, InfoTopicArn: info } = this.#ground.outputs;
    return { critical, high, warning, info, platform: '' }[topic];
  }

  /** As CloudFormation has made it, checked against what the catalog asks for. */
  async #deployedFilter(wanted: WantedSubscription): Promise<string> {
    const { topic, channel, address, roles } = wanted;
    const { filter } = await this.#deployed(wanted);
    const asked = { channels: [channel], roles };
    if (JSON.stringify(sorted(JSON.parse(filter))) !== JSON.stringify(sorted(asked))) throw new Error(`${address} on ${topic} filters by ${filter}`);
    return filter;
  }

  async #deployed({ topic, channel, address }: WantedSubscription): Promise<{ readonly arn: string; readonly filter: string }> {
    const { sns } = this.#ground.clients;
    const listed = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: this.#topicArn(topic) }));
    const arn = listed.Subscriptions?.find(({ Protocol, Endpoint }) => Protocol === channel && Endpoint === address)?.SubscriptionArn;
    if (arn === undefined) throw new Error(`${address} is not subscribed to ${topic}`);
    const { Attributes } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn: arn }));
    return { arn, filter: Attributes?.['FilterPolicy'] ?? '{}' };
  }

  /** The reader of a mail of this route ends its deployed subscription. Gives what subscribes the address again. */
  async unsubscribeMail(route: string): Promise<() => Promise<void>> {
    const { sns } = this.#ground.clients;
    const wanted = this.#wanted.find(({ channel, routes }) => channel === 'email' && routes.includes(route));
    if (wanted === undefined) throw new Error(`${route} gets no mail`);
    const { arn, filter } = await this.#deployed(wanted);
    await sns.send(new UnsubscribeCommand({ SubscriptionArn: arn }));
    const again = { TopicArn: this.#topicArn(wanted.topic), Protocol: 'email', Endpoint: wanted.address, Attributes: { FilterPolicy: filter } };
    return async () => {
      await sns.send(new SubscribeCommand(again));
    };
  }

  async #subscribeMailbox({ topic, routes: [route = ''] }: WantedSubscription, FilterPolicy: string): Promise<void> {
    const { sqs, sns } = this.#ground.clients;
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `e2e-mail-${route}` }));
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    const queueArn = Attributes?.['QueueArn'] ?? '';
    const Statement = [{ Effect: 'Allow', Principal: { Service: 'sns.amazonaws.com' }, Action: 'sqs:SendMessage', Resource: queueArn }];
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: JSON.stringify({ Version: '2012-10-17', Statement }) } }));
    this.#queueUrls.set(route, QueueUrl);
    await sns.send(new SubscribeCommand({ TopicArn: this.#topicArn(topic), Protocol: 'sqs', Endpoint: queueArn, Attributes: { FilterPolicy } }));
  }

  /**
   * With the protocol `https`, so that it gets what programs get; but the address is plain http, which AWS would refuse: the local SNS trusts
   * no certificate that a test could make. It also tries each delivery only once.
   */
  async #subscribeProgram({ topic, routes: [route = ''] }: WantedSubscription, FilterPolicy: string): Promise<void> {
    const { sns } = this.#ground.clients;
    const topicArn = this.#topicArn(topic);
    const Endpoint = `http://127.0.0.1:${portOf(this.#server)}/${route}`;
    await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: 'https', Endpoint, Attributes: { FilterPolicy } }));
    const asked = await until(`The confirmation for ${route} on ${topic}`, 60, () =>
      Promise.resolve(this.#confirmations.find((one) => one.path === `/${route}` && one.topicArn === topicArn)),
    );
    await new SnsSubscriptions(sns).confirm(asked);
  }

  /** The status of the answer. Every program hears its message, the failing one too: it then says that it could do nothing with it. */
  async #hear(request: IncomingMessage): Promise<number> {
    const path = request.url ?? '/';
    const message = snsMessage.parse(JSON.parse(await text(request)));
    if (message.Type === 'SubscriptionConfirmation') {
      this.#confirmations.push({ path, topicArn: message.TopicArn, token: message.Token ?? '' });
      return 200;
    }
    this.#unread.push(messageOf(path.slice(1), 'https', message));
    return path === `/${FAILING_PROGRAM}` ? 500 : 200;
  }

  async #receive(route: string, QueueUrl: string): Promise<void> {
    const { sqs } = this.#ground.clients;
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }));
    if (Messages.length === 0) return;
    this.#unread.push(...Messages.map(({ Body = '{}' }) => messageOf(route, 'email', snsMessage.parse(JSON.parse(Body)))));
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }

  /**
   * Everything that arrived since the last call, all of it: a message for everybody is published behind it, and has come to every reader on
   * every topic before this returns. Programs get two of them, one after the other: the local SNS gives each delivery over HTTP a thread of
   * its own, where a message may overtake the one before it.
   */
  async news(): Promise<readonly Message[]> {
    const subject = await this.#publishFences(['email', 'https']);
    await until(`${subject} at every reader`, 120, async () => {
      for (const [route, url] of this.#queueUrls) await this.#receive(route, url);
      return this.#heardBy(subject) >= this.#wanted.length ? true : undefined;
    });
    await this.#untilProgramsHear(await this.#publishFences(['https']));
    const found = this.#unread.filter(({ step }) => step !== FENCE);
    this.#unread = [];
    return found;
  }

  /** How many readers have it. */
  #heardBy(subject: string): number {
    return this.#unread.filter((message) => message.subject === subject).length;
  }

  async #untilProgramsHear(subject: string): Promise<void> {
    const programs = this.#wanted.filter(({ channel }) => channel === 'https').length;
    const deadline = performance.now() + PROGRAMS_MILLISECONDS;
    while (this.#heardBy(subject) < programs) {
      if (performance.now() > deadline) throw new Error(`${subject} came to ${this.#heardBy(subject)} of ${programs} programs`);
      await delay(20);
    }
  }

  /** On every topic, for all readers of these channels; gives its subject. */
  async #publishFences(channels: readonly Message['by'][]): Promise<string> {
    this.#fences += 1;
    const subject = `${FENCE} ${this.#fences}`;
    const topics = [...new Set(this.#wanted.map(({ topic }) => topic))];
    for (const topic of topics) await this.#publishFence(this.#topicArn(topic), subject, channels);
    return subject;
  }

  async #publishFence(TopicArn: string, Subject: string, channels: readonly Message['by'][]): Promise<void> {
    const MessageAttributes = { step: { DataType: 'String', StringValue: FENCE }, channels: listOf(channels), roles: listOf(routeNames) };
    await this.#ground.clients.sns.send(new PublishCommand({ TopicArn, Subject, Message: Subject, MessageAttributes }));
  }
}

function listOf(values: readonly string[]) {
  return { DataType: 'String.Array', StringValue: JSON.stringify(values) };
}

function isOurs(routes: readonly string[]): boolean {
  return routes.some((route) => routeNames.includes(route));
}

function sorted(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)) : value;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server of the programs does not listen');
  return address.port;
}

/** `<route> <step> <system>` of each message of a channel, sorted: who got what. */
export function whoGotWhat(messages: readonly Message[], by: Message['by']): readonly string[] {
  return messages
    .filter((message) => message.by === by)
    .map(({ to, step, system }) => `${to} ${step} ${system}`)
    .toSorted();
}
