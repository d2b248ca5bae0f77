import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startOverlay } from '../../../sandbox/overlay/overlay.ts';
import type { Overlay } from '../../../sandbox/overlay/overlay.ts';
import { textOf, textsOf } from '../../../sandbox/overlay/xml.ts';

/** Stands in for moto: answers by action, remembers what it was asked. */
interface StandIn {
  readonly url: string;
  readonly asked: URLSearchParams[];
  readonly answers: Map<string, { readonly statusCode: number; readonly body: string }>;
  readonly server: Server;
}

async function startStandIn(): Promise<StandIn> {
  const asked: URLSearchParams[] = [];
  const answers: StandIn['answers'] = new Map();
  const server = createServer((incoming, outgoing) => {
    let text = '';
    incoming.setEncoding('utf8');
    incoming.on('data', (chunk: string) => {
      text += chunk;
    });
    incoming.on('end', () => {
      const form = new URLSearchParams(text);
      asked.push(form);
      const { statusCode, body } = answers.get(form.get('Action') ?? '') ?? { statusCode: 200, body: `<Ok><n>${asked.length}</n></Ok>` };
      outgoing.writeHead(statusCode, { 'content-type': 'text/xml' }).end(body);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, asked, answers, server };
}

describe('the overlay', () => {
  let nowMs = 1_000_000;
  let moto: StandIn;
  let overlay: Overlay;

  beforeEach(async () => {
    moto = await startStandIn();
    overlay = await startOverlay({ port: 0, motoUrl: moto.url, initialHealthSeconds: 2, now: () => nowMs });
  });
  afterEach(async () => {
    await overlay.stop();
    moto.server.close();
  });

  const call = async (service: string, form: Readonly<Record<string, string>>): Promise<{ readonly status: number; readonly text: string }> => {
    const answer = await fetch(overlay.url, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/${service}/aws4_request, SignedHeaders=host, Signature=x`,
        'user-agent': 'test app/observe',
      },
      body: new URLSearchParams(form),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const post = (path: string, body: unknown): Promise<Response> => fetch(`${overlay.url}${path}`, { method: 'POST', body: JSON.stringify(body) });

  const stateIn = async (name: string): Promise<string | undefined> => {
    const TargetGroupArn = `arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/${name}/1`;
    return textOf((await call('elasticloadbalancing', { Action: 'DescribeTargetHealth', TargetGroupArn })).text, 'State');
  };

  it('launches once for two calls at once with one client token, and gives both the same answer', async () => {
    const form = { Action: 'RunInstances', ImageId: 'ami-1', ClientToken: 'token' };
    const [first, second] = await Promise.all([call('ec2', form), call('ec2', form)]);
    expect(moto.asked).toHaveLength(1);
    expect(second).toEqual(first);
  });

  it('answers IdempotentParameterMismatch when the parameters changed', async () => {
    await call('ec2', { Action: 'RunInstances', ImageId: 'ami-1', ClientToken: 'token' });
    const answer = await call('ec2', { Action: 'RunInstances', ImageId: 'ami-2', ClientToken: 'token' });
    expect(answer.status).toBe(400);
    expect(textOf(answer.text, 'Code')).toBe('IdempotentParameterMismatch');
    expect(moto.asked).toHaveLength(1);
  });

  it('tries a token again whose launch failed', async () => {
    moto.answers.set('RunInstances', { statusCode: 400, body: '<Response/>' });
    await call('ec2', { Action: 'RunInstances', ClientToken: 'token' });
    moto.answers.delete('RunInstances');
    expect((await call('ec2', { Action: 'RunInstances', ClientToken: 'token' })).status).toBe(200);
    expect(moto.asked).toHaveLength(2);
  });

  it('drains for the deregistration delay of the target group', async () => {
    moto.answers.set('DescribeTargetGroupAttributes', {
      statusCode: 200,
      body: '<Attributes><member><Key>deregistration_delay.timeout_seconds</Key><Value>5</Value></member></Attributes>',
    });
    moto.answers.set('DescribeTargetHealth', { statusCode: 200, body: '<R><TargetHealthDescriptions/></R>' });
    const target = { TargetGroupArn: 'tg', 'Targets.member.1.Id': 'i-1' };
    await call('elasticloadbalancing', { Action: 'RegisterTargets', ...target });
    await call('elasticloadbalancing', { Action: 'DeregisterTargets', ...target });
    nowMs += 4999;
    const during = await call('elasticloadbalancing', { Action: 'DescribeTargetHealth', TargetGroupArn: 'tg' });
    nowMs += 1;
    const after = await call('elasticloadbalancing', { Action: 'DescribeTargetHealth', TargetGroupArn: 'tg' });
    expect(textsOf(during.text, 'State')).toEqual(['draining']);
    expect(textsOf(after.text, 'State')).toEqual([]);
  });

  it('says of a group that its health check is wrong for every target, until it is right again', async () => {
    const healthy = '<member><Target><Id>i-1</Id></Target><TargetHealth><State>healthy</State></TargetHealth></member>';
    moto.answers.set('DescribeTargetHealth', { statusCode: 200, body: `<R><TargetHealthDescriptions>${healthy}</TargetHealthDescriptions></R>` });
    expect((await post('/_perennial/target-groups/web', { state: 'unhealthy' })).status).toBe(200);
    expect([await stateIn('web'), await stateIn('api')]).toEqual(['unhealthy', 'healthy']);
    await post('/_perennial/target-groups/web', { state: 'healthy' });
    expect(await stateIn('web')).toBe('healthy');
  });

  it('answers what moto can not, in the shape of the service', async () => {
    const refreshes = await call('autoscaling', { Action: 'DescribeInstanceRefreshes' });
    moto.answers.set('Odd', { statusCode: 500, body: '<!doctype html>\n<html lang=en>' });
    const odd = await call('ec2', { Action: 'Odd' });
    expect(refreshes.text).toContain('<InstanceRefreshes/>');
    expect([odd.status, textOf(odd.text, 'Code')]).toEqual([400, 'UnsupportedOperation']);
  });

  it('says of images that they have ENA, as those have on which current types run', async () => {
    moto.answers.set('DescribeImages', { statusCode: 200, body: '<item><imageId>ami-1</imageId></item><item><imageId>ami-2</imageId></item>' });
    const described = await call('ec2', { Action: 'DescribeImages' });
    expect(textsOf(described.text, 'enaSupport')).toEqual(['true', 'true']);
  });

  it('replaces root volumes of running instances, once per client token, and ends as it was told', async () => {
    moto.answers.set('DescribeInstances', { statusCode: 200, body: '<instanceState><name>running</name></instanceState>' });
    const request = { Action: 'CreateReplaceRootVolumeTask', InstanceId: 'i-1', ImageId: 'ami-1', ClientToken: 'rem-1' };
    await fetch(`${overlay.url}/_perennial/instances/i-1/root-swap`, { method: 'POST', body: JSON.stringify({ ends: 'failed-detached' }) });
    const [first, again] = [await call('ec2', request), await call('ec2', request)];
    const taskId = textOf(first.text, 'replaceRootVolumeTaskId') ?? '';
    expect(textOf(again.text, 'replaceRootVolumeTaskId')).toBe(taskId);
    const states: (string | undefined)[] = [];
    for (const passedMs of [0, 600, 600]) {
      nowMs += passedMs;
      // one after the other: time passes between the looks
      states.push(textOf((await call('ec2', { Action: 'DescribeReplaceRootVolumeTasks', 'ReplaceRootVolumeTaskId.1': taskId })).text, 'taskState'));
    }
    expect(states).toEqual(['pending', 'in-progress', 'failed-detached']);
    const unknown = await call('ec2', { Action: 'DescribeReplaceRootVolumeTasks', 'ReplaceRootVolumeTaskId.1': 'replacevol-none' });
    expect([unknown.status, textOf(unknown.text, 'Code')]).toEqual([400, 'InvalidReplaceRootVolumeTaskId.NotFound']);
  });

  it('replaces no root of what does not run', async () => {
    moto.answers.set('DescribeInstances', { statusCode: 200, body: '<instanceState><name>stopped</name></instanceState>' });
    const refused = await call('ec2', { Action: 'CreateReplaceRootVolumeTask', InstanceId: 'i-2', ImageId: 'ami-1' });
    expect([refused.status, textOf(refused.text, 'Code')]).toEqual([400, 'IncorrectInstanceState']);
  });

  it('lets a group end what is marked unhealthy, and says of others that it does not know them', async () => {
    await call('autoscaling', { Action: 'SetInstanceHealth', InstanceId: 'i-3', HealthStatus: 'Unhealthy' });
    expect(moto.asked.map((form) => form.get('Action'))).toContain('TerminateInstances');
    moto.answers.set('SetInstanceHealth', { statusCode: 500, body: '<!doctype html>\n<html lang=en>' });
    const unknown = await call('autoscaling', { Action: 'SetInstanceHealth', InstanceId: 'i-4', HealthStatus: 'Unhealthy' });
    expect([unknown.status, textOf(unknown.text, 'Code')]).toEqual([400, 'ValidationError']);
  });

  it('logs calls with who made them, without user data', async () => {
    await call('ec2', { Action: 'RunInstances', ClientToken: 't', UserData: 'c2VjcmV0' });
    const calls: unknown = await (await fetch(`${overlay.url}/_perennial/calls`)).json();
    expect(calls).toEqual([
      {
        at: new Date(nowMs).toISOString(),
        service: 'ec2',
        action: 'RunInstances',
        region: 'eu-central-1',
        accessKeyId: 'AKIDEXAMPLE',
        userAgent: 'test app/observe',
        statusCode: 200,
        parameters: { Action: 'RunInstances', ClientToken: 't' },
      },
    ]);
  });

  it('refuses a mark that it does not understand, and says why', async () => {
    const answer = await post('/_perennial/targets/i-1', { state: 'sick' });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('healthy');
    expect((await post('/_perennial/nothing', {})).status).toBe(404);
  });

  it('answers 503 when moto is gone', async () => {
    moto.server.close();
    moto.server.closeAllConnections();
    expect((await call('ec2', { Action: 'DescribeInstances' })).status).toBe(503);
  });
});
