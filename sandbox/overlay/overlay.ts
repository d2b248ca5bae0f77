import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod/mini';
import { errorAnswer } from './answers.ts';
import { Fleet } from './fleet.ts';
import type { RawRequest } from './fleet.ts';
import { swapEndings } from './root-swaps.ts';

export interface OverlayOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly motoUrl: string;
  /** How long a newly registered target answers `initial`; default 2 s. */
  readonly initialHealthSeconds?: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Overlay {
  readonly url: string;
  readonly fleet: Fleet;
  stop(): Promise<void>;
}

const MAX_REQUEST_BYTES = 10_000_000;
const INSTANCE_ID = 'i-[0-9a-f]+';

const targetMark = z.strictObject({ state: z.enum(['healthy', 'unhealthy']) });
const checkState = z._default(z.enum(['ok', 'impaired']), 'ok');
const agentMark = z.strictObject({ ping: z.enum(['Online', 'ConnectionLost']) });
const swapMark = z.strictObject({ ends: z.enum(swapEndings) });
const statusMark = z.strictObject({ instance: checkState, system: checkState });

/**
 * Starts the overlay on 127.0.0.1: a proxy before moto for EC2, ELBv2, Auto Scaling and SSM. Beside it, for the sandbox and tests:
 * - `POST /_perennial/targets/<instance>` `{"state":"unhealthy"}`: its targets fail their health checks (`healthy` ends it)
 * - `POST /_perennial/target-groups/<name>` `{"state":"unhealthy"}`: all its targets fail, also those to come (`healthy` ends it)
 * - `POST /_perennial/instances/<instance>/status` `{"instance":"impaired","system":"ok"}`: its status checks fail from now on
 * - `POST /_perennial/instances/<instance>/agent` `{"ping":"Online"}`: its Systems Manager agent answers (`ConnectionLost` ends it)
 * - `POST /_perennial/instances/<instance>/root-swap` `{"ends":"failed"}`: how the next replacement of its root ends
 * - `GET /_perennial/calls`: the latest calls, oldest first
 */
export async function startOverlay(options: OverlayOptions): Promise<Overlay> {
  const { motoUrl, initialHealthSeconds = 2, now } = options;
  const fleet = new Fleet({ motoUrl, initialHealthSeconds, now });
  const server = createServer((incoming, outgoing) => {
    void serve(fleet, now, incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}`,
    fleet,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(fleet: Fleet, now: () => number, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const raw: RawRequest = {
      method: incoming.method ?? 'GET',
      url: incoming.url ?? '/',
      headers: incoming.headers,
      body: await readBody(incoming),
    };
    if (raw.url.startsWith('/_perennial/')) {
      const { statusCode, body } = control(fleet, now, raw);
      outgoing.writeHead(statusCode, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return;
    }
    const answer = await fleet.answer(raw);
    outgoing.writeHead(answer.statusCode, { ...answer.headers, 'content-length': answer.body.length }).end(answer.body);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const answer = errorAnswer('elasticloadbalancing', 'ServiceUnavailable', `The local fleet is not to be reached: ${message}`, 503);
    outgoing.writeHead(answer.statusCode, { 'content-type': answer.contentType }).end(answer.body);
  }
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const parts: AsyncIterable<Buffer> = incoming;
  for await (const part of parts) {
    bytes += part.length;
    if (bytes > MAX_REQUEST_BYTES) {
      throw new Error(`a request of more than ${MAX_REQUEST_BYTES} bytes`);
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

interface ControlAnswer {
  readonly statusCode: number;
  readonly body: unknown;
}

function control(fleet: Fleet, now: () => number, raw: RawRequest): ControlAnswer {
  const instance = new RegExp(`^/_perennial/instances/(${INSTANCE_ID})/status$`).exec(raw.url)?.[1];
  if (raw.method === 'GET' && raw.url === '/_perennial/calls') {
    return { statusCode: 200, body: fleet.log.calls() };
  }
  if (raw.method === 'POST' && instance !== undefined) {
    const since = new Date(now()).toISOString();
    return mark(statusMark, '{"instance":"impaired","system":"ok"}, each of them ok or impaired', raw.body, (wanted) =>
      fleet.state.markStatus(instance, {
        instanceImpairedSince: wanted.instance === 'impaired' ? since : undefined,
        systemImpairedSince: wanted.system === 'impaired' ? since : undefined,
      }),
    );
  }
  return controlTargets(fleet, raw) ?? controlRecovery(fleet, raw) ?? { statusCode: 404, body: { message: `The overlay has no ${raw.method} ${raw.url}.` } };
}

/** Health of the targets of an instance, or of all targets of a group. */
function controlTargets(fleet: Fleet, raw: RawRequest): ControlAnswer | undefined {
  if (raw.method !== 'POST') return undefined;
  const expected = '{"state":"healthy"} or {"state":"unhealthy"}';
  const instanceId = new RegExp(`^/_perennial/targets/(${INSTANCE_ID})$`).exec(raw.url)?.[1];
  if (instanceId !== undefined) return mark(targetMark, expected, raw.body, ({ state }) => fleet.state.markTarget(instanceId, state === 'unhealthy'));
  const group = /^\/_perennial\/target-groups\/([A-Za-z0-9-]{1,32})$/.exec(raw.url)?.[1];
  return group === undefined ? undefined : mark(targetMark, expected, raw.body, ({ state }) => fleet.state.markTargetGroup(group, state === 'unhealthy'));
}

/** What an instance can be told beside its health: its agent, and how its next new root ends. */
function controlRecovery(fleet: Fleet, raw: RawRequest): ControlAnswer | undefined {
  if (raw.method !== 'POST') return undefined;
  const [, marked = '', what] = new RegExp(`^/_perennial/instances/(${INSTANCE_ID})/(agent|root-swap)$`).exec(raw.url) ?? [];
  if (what === 'agent') {
    return mark(agentMark, '{"ping":"Online"} or {"ping":"ConnectionLost"}', raw.body, (wanted) => fleet.state.markAgent(marked, wanted.ping === 'Online'));
  }
  if (what === 'root-swap') {
    return mark(swapMark, '{"ends":"succeeded"}, "failed" or "failed-detached"', raw.body, (wanted) => fleet.rootSwaps.endNext(marked, wanted.ends));
  }
  return undefined;
}

function mark<Wanted>(schema: z.ZodMiniType<Wanted>, expected: string, body: Buffer, act: (wanted: Wanted) => void): ControlAnswer {
  const wanted = z.safeParse(schema, parseJson(body));
  if (!wanted.success) {
    return { statusCode: 400, body: { message: `The body must be ${expected}.` } };
  }
  act(wanted.data);
  return { statusCode: 200, body: {} };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
