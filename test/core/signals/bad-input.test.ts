import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import type { NotificationMessage } from '../../../core/incidents/ports.ts';
import { deadLetterType, keepDeadLetter } from '../../../core/signals/dead-letters.ts';
import { type IntakePorts, takeIn } from '../../../core/signals/intake.ts';
import { readSignals } from '../../../core/signals/normalise.ts';
import { keys } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { catalogOf } from '../inventory/world.ts';
import { dump } from '../remediation/builders.ts';
import { createWorld, testHasher, testScope } from '../remediation/world.ts';

/*
 * Whatever somebody puts on the queue goes the whole way: read, taken in or kept. Nothing throws, nothing is lost without a reason,
 * and nothing of it is stored or sent as it came.
 */

function createIntake(dataProtection?: { personalData: boolean; maskIpAddresses?: boolean }) {
  const world = createWorld();
  const system = dataProtection === undefined ? world.system : { ...world.system, spec: { ...world.system.spec, dataProtection } };
  const catalog = catalogOf([system], [world.policy]);
  const sent: NotificationMessage[] = [];
  const rejected: string[] = [];
  const ports: IntakePorts = {
    store: world.store,
    scope: testScope,
    clock: world.clock,
    hasher: testHasher,
    alarms: world.region.alarms,
    publisher: {
      publish: async (message) => {
        sent.push(message);
        return Promise.resolve({ messageId: `m-${sent.length}` });
      },
    },
    catalog: async () => Promise.resolve(catalog),
    executions: { start: async () => Promise.resolve() },
    pageTimer: { arm: async () => Promise.resolve() },
  };
  const queue = {
    send: async (bodies: readonly string[]) => {
      rejected.push(...bodies);
      return Promise.resolve([]);
    },
  };
  let messages = 0;
  /** As the signals function does with one message. */
  async function take(body: string) {
    messages += 1;
    const messageId = `msg-${messages}`;
    const read = readSignals(body, { hasher: testHasher, scope: testScope, receivedAt: world.clock.now() });
    const results = [];
    for (const signal of read.signals) results.push(await takeIn(ports, catalog, signal));
    const reason = read.rejected.map((one) => `record ${one.index}: ${one.reason}`).join('; ');
    if (read.rejected.length > 0) await keepDeadLetter({ ...ports, rejected: queue }, { messageId, body }, reason);
    const letter = await readRecord(world.store, deadLetterType, keys.deadLetter(testScope, `dead-${messageId}`));
    return { read, results, letter: letter?.body };
  }
  return { world, take, sent, rejected, stored: () => JSON.stringify(dump(world.store)), said: () => JSON.stringify(sent) };
}

interface AlarmParts {
  readonly name?: unknown;
  readonly description?: string;
  readonly reason?: string;
  readonly at?: string;
  readonly dimensions?: string;
}

const containing = (part: string): unknown => expect.stringContaining(part);

/** The text of an alarm's event; `dimensions` as raw JSON, because some of what is tried no object literal can hold. */
function alarm(now: string, { name = 'shop-web-unhealthy', description = '', reason = 'too much', at = now, dimensions = '{}' }: AlarmParts): string {
  return `{
    "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "time": ${JSON.stringify(at)},
    "account": "${testScope.accountId}", "region": "${testScope.region}", "resources": [],
    "detail": {
      "alarmName": ${JSON.stringify(name)},
      "state": { "value": "ALARM", "reason": ${JSON.stringify(reason)}, "timestamp": ${JSON.stringify(at)} },
      "configuration": {
        "description": ${JSON.stringify(description)},
        "metrics": [{ "metricStat": { "metric": { "name": "x", "namespace": "y", "dimensions": ${dimensions} } } }]
      }
    }
  }`;
}

const KB = 1024;

describe('260 KB messages', () => {
  it('a real alarm with far too much text is taken in, and stored and sent short', async () => {
    const intake = createIntake();
    const { results, letter } = await intake.take(alarm(intake.world.clock.now(), { reason: 'r'.repeat(130 * KB), description: 'd'.repeat(130 * KB) }));
    expect(results).toMatchObject([{ kind: 'incident' }]);
    expect(letter).toBeUndefined();
    expect(intake.stored().length).toBeLessThan(30 * KB);
    for (const { text, subject, sms } of intake.sent) expect([text.length < 20_000, subject.length <= 100, sms.length <= 160]).toEqual([true, true, true]);
  });

  it.each([
    ['no JSON', 'x'.repeat(260 * KB)],
    ['an object of nobody', JSON.stringify({ detail: 'x'.repeat(260 * KB) })],
    ['deep nesting', '['.repeat(130 * KB) + ']'.repeat(130 * KB)],
  ])('%s is kept unmodified, with its size and a reason, and told', async (_, body) => {
    const intake = createIntake();
    const { read, letter } = await intake.take(body);
    expect(read.signals).toEqual([]);
    expect(intake.rejected).toEqual([body]);
    expect(letter).toMatchObject({ sizeBytes: body.length, bodyHash: testHasher.sha256(body) });
    expect(letter?.reason).toMatch(/^record 0: (?:Inner record [0-9.]+: )?It /);
    expect(letter?.maskedBody.length).toBeLessThanOrEqual(64 * KB);
    expect(intake.sent.map(({ notificationId }) => notificationId)).toEqual(['dead-letter:dead-msg-1']);
  });
});

describe('HTML and newlines in alarm names', () => {
  const name = '<script>alert(1)</script>\r\nSubject: forged\u2028\u202Eevil\u0000<img src=x onerror=1>';

  it('become one line of plain text, in records and in messages; no header can be forged', async () => {
    const intake = createIntake();
    await intake.take(alarm(intake.world.clock.now(), { name }));
    expect(intake.sent).not.toEqual([]);
    for (const { subject, sms, text } of intake.sent) {
      for (const line of [subject, sms]) expect(line).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u);
      expect(text).not.toMatch(/^Subject: forged/m);
    }
    expect(intake.stored()).not.toMatch(/\\u0000|\\r|\u2028|\u202E/);
  });

  it('two names that look alike afterwards are two alarms only if they differ in what can be seen', async () => {
    const intake = createIntake();
    const ids = [];
    for (const seen of ['a\nb', 'a b', 'a c']) {
      const [result] = (await intake.take(alarm(intake.world.clock.now(), { name: seen }))).results;
      ids.push(result !== undefined && 'incidentId' in result ? result.incidentId : result?.kind);
    }
    expect(new Set(ids).size).toBe(3);
    expect(ids[1]).toBe('duplicate');
  });

  it('a name that is no text, or empty, is rejected with its field', async () => {
    const intake = createIntake();
    for (const nothing of ['', ' \n', 7, null, { toString: 'x' }]) {
      const { read } = await intake.take(alarm(intake.world.clock.now(), { name: nothing }));
      expect(read.rejected).toMatchObject([{ reason: containing('detail.alarmName') }]);
    }
    expect(intake.rejected).toHaveLength(5);
  });
});

describe('unknown severities', () => {
  it('of an alarm: the severity of its kind stands, and the incident says that another was asked for', async () => {
    const intake = createIntake();
    const { read } = await intake.take(alarm(intake.world.clock.now(), { description: '[severity=URGENT!] kim@example.com' }));
    const [signal] = read.signals;
    expect(signal?.severity).toBe('high');
    expect(signal?.details['severityNote']).toBe(
      'Its description asks for the severity "URGENT!", which is none of critical, high, warning, info; the one of its kind stands.',
    );
    expect(
      (await intake.take(alarm(intake.world.clock.now(), { name: 'x', description: '[severity=critical]' }))).read.signals[0]?.details['severityNote'],
    ).toBeUndefined();
  });

  it.each(['URGENT', '', 5, null, '__proto__', 'constructor'])('of a budget (%j): rejected, and says which there are', async (severity) => {
    const intake = createIntake();
    const event = {
      source: 'perennial',
      'detail-type': 'Budget Burning',
      time: intake.world.clock.now(),
      detail: { system: 'shop-web', objective: 'x', severity },
    };
    const { read, letter } = await intake.take(JSON.stringify(event));
    expect(read.signals).toEqual([]);
    expect(letter?.reason).toContain('detail.severity is none of ');
  });
});

describe('a clock in the future', () => {
  it('is not believed: the time of arrival stands, and the source\u2019s is written beside it', async () => {
    const intake = createIntake();
    const now = intake.world.clock.now();
    const { read } = await intake.take(alarm(now, { at: '2199-01-01T00:00:00.000Z' }));
    expect(read.signals).toMatchObject([{ at: now, details: { sourceTime: '2199-01-01T00:00:00.000Z', note: containing('5 minutes ahead') } }]);
    expect(intake.stored()).not.toContain('"openedAt":"2199');
  });

  it('and does not keep what is said later from being heard', async () => {
    const intake = createIntake();
    await intake.take(alarm(intake.world.clock.now(), { at: '2199-01-01T00:00:00.000Z' }));
    intake.world.clock.advance(60);
    const over = alarm(intake.world.clock.now(), {}).replace('"value": "ALARM"', '"value": "OK"');
    expect((await intake.take(over)).results).toMatchObject([{ kind: 'incident' }]);
  });

  it.each(['2026-13-45T99:99:99Z', 'tomorrow', '', '+275760-09-13T00:00:00Z', '9'.repeat(1000)])('a time that is none (%.30s) is rejected', async (at) => {
    const intake = createIntake();
    const { read, letter } = await intake.take(alarm(intake.world.clock.now(), { at }));
    expect([read.signals, letter?.reason]).toEqual([[], containing('time')]);
  });

  it('a few minutes ahead are what clocks do', async () => {
    const intake = createIntake();
    const at = addSeconds(intake.world.clock.now(), 200);
    expect((await intake.take(alarm(intake.world.clock.now(), { at }))).read.signals).toMatchObject([{ at }]);
  });
});

describe('__proto__ keys', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

  it.each(names)('%s as a key of an event changes nothing but that event', async (key) => {
    const intake = createIntake();
    const now = intake.world.clock.now();
    await intake.take(alarm(now, { dimensions: `{ "${key}": { "polluted": true } }` }));
    await intake.take(alarm(now, { name: 'other', dimensions: `{ "${key}": "polluted" }` }));
    await intake.take(`{ "${key}": { "detail-type": "x", "source": "aws.cloudwatch", "polluted": true } }`);
    await intake.take(`{ "Records": [{ "${key}": { "eventSource": "aws:sqs", "body": "{}" } }] }`);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(Reflect.get(Object.prototype, 'polluted')).toBeUndefined();
    expect(intake.rejected.length).toBeGreaterThanOrEqual(2);
  });

  it.each(names)('%s as a name is a name like any other', async (name) => {
    const intake = createIntake();
    const now = intake.world.clock.now();
    expect((await intake.take(alarm(now, { name }))).results).toMatchObject([{ kind: 'incident' }]);
    const check = { source: 'perennial', 'detail-type': 'Check Failed', time: now, detail: { check: name, system: name, reason: name } };
    expect((await intake.take(JSON.stringify(check))).results).toMatchObject([{ kind: 'incident' }]);
    expect(intake.sent.length).toBeGreaterThanOrEqual(2);
  });
});

describe('personal data (S4-23)', () => {
  const secrets = ['kim.minsu@example.co.kr', '010-1234-5678', '+4915112345678', '900101-1234567', 'AKIAIOSFODNN7EXAMPLE'];
  const line = `call ${secrets.join(' or ')}`;

  it('is nowhere in what is stored or sent, wherever it stood: reason, description, name, or an event nobody can read', async () => {
    const intake = createIntake();
    const now = intake.world.clock.now();
    await intake.take(alarm(now, { reason: line, description: line }));
    await intake.take(alarm(now, { name: 'errors of kim.minsu@example.co.kr, 010-1234-5678' }));
    await intake.take(JSON.stringify({ who: line }));
    await intake.take(`not JSON: ${line}`);
    for (const secret of secrets) {
      expect(intake.stored(), secret).not.toContain(secret);
      expect(intake.said(), secret).not.toContain(secret);
    }
    expect(intake.rejected).toHaveLength(2);
    expect(intake.rejected[1]).toContain(line);
  });

  it('two alarms whose names differ only in what is masked stay two', async () => {
    const intake = createIntake();
    const now = intake.world.clock.now();
    const results = [];
    for (const who of ['kim@example.com', 'lee@example.com']) results.push((await intake.take(alarm(now, { name: `errors of ${who}` }))).results[0]);
    expect(results).toMatchObject([{ kind: 'incident' }, { kind: 'incident' }]);
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(2);
  });

  it('a public IP address too, where the catalog says so', async () => {
    const text = 'client 203.0.113.7 of 10.0.1.10';
    const open = createIntake();
    await open.take(alarm(open.world.clock.now(), { reason: text }));
    expect(open.stored()).toContain('203.0.113.7');
    const closed = createIntake({ personalData: true });
    await closed.take(alarm(closed.world.clock.now(), { reason: text, description: text }));
    expect(closed.stored() + closed.said()).not.toContain('203.0.113.7');
    expect(closed.stored()).toContain('10.0.1.10');
  });
});

describe('anything at all', () => {
  it('is taken in or kept with a reason; nothing throws, and what is kept is what came', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.json().map((json) => `{"Records":[${json}]}`),
    );
    await fc.assert(
      fc.asyncProperty(text, async (body) => {
        const intake = createIntake();
        const { read, letter } = await intake.take(body);
        expect(read.signals.length + read.rejected.length).toBeGreaterThan(0);
        expect(intake.rejected).toEqual(read.rejected.length > 0 ? [body] : []);
        if (read.rejected.length > 0) expect(letter?.reason).not.toBe('');
      }),
      { numRuns: 200 },
    );
  });
});
