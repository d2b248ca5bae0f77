import type { IncomingHttpHeaders } from 'node:http';
import { errorAnswer, knownAnswer } from './answers.ts';
import type { Answer } from './answers.ts';
import { CallLog } from './call-log.ts';
import { keepClientTokens, takeOutClientToken } from './client-token-filter.ts';
import { FleetState } from './fleet-state.ts';
import { forward } from './forward.ts';
import type { ForwardedAnswer } from './forward.ts';
import { isStatusFilter, rewriteInstanceStatus } from './instance-status.ts';
import type { StatusFilter } from './instance-status.ts';
import { decideLaunch, launchFingerprint, launchKey } from './launches.ts';
import { listParameter, readFleetRequest } from './requests.ts';
import type { FleetRequest } from './requests.ts';
import { createdAnswer, describedAnswer, RootSwaps } from './root-swaps.ts';
import { rewriteTargetHealth } from './target-health.ts';
import { textOf } from './xml.ts';

export interface FleetOptions {
  readonly motoUrl: string;
  /** How long a newly registered target answers `initial`. */
  readonly initialHealthSeconds: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Call {
  readonly raw: RawRequest;
  readonly request: FleetRequest;
}

interface Launch {
  readonly fingerprint: string;
  readonly answer: Promise<ForwardedAnswer>;
}

const TARGETS = /^Targets\.member\.\d+\.Id$/;
const DEFAULT_DRAIN_SECONDS = 300;
const MAX_LAUNCHES = 10_000;

/** The fleet as AWS would answer for it: moto, corrected where it differs in ways that Perennial's repairs rely on. */
export class Fleet {
  readonly state = new FleetState();
  readonly log = new CallLog();
  readonly rootSwaps = new RootSwaps();
  readonly #options: FleetOptions;
  readonly #launches = new Map<string, Launch>();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async answer(raw: RawRequest): Promise<ForwardedAnswer> {
    const call: Call = { raw, request: readFleetRequest(raw.url, raw.headers, raw.body) };
    const { service, action } = call.request;
    const answer = await this.#handlers[`${service} ${action}`]?.(call);
    const final = answer ?? fromAnswer(knownAnswer(service, action)) ?? (await this.#forward(call));
    this.log.add(call.request, final.statusCode, new Date(this.#options.now()).toISOString());
    return final;
  }

  readonly #handlers: Readonly<Record<string, (call: Call) => Promise<ForwardedAnswer>>> = {
    'ec2 RunInstances': (call) => this.#runInstances(call),
    'ec2 DescribeImages': (call) => this.#describeImages(call),
    'ec2 DescribeInstances': (call) => this.#describeInstances(call),
    'ec2 ModifyNetworkInterfaceAttribute': (call) => this.#modifyInterface(call),
    'ec2 CreateReplaceRootVolumeTask': (call) => this.#createRootSwap(call),
    'ec2 DescribeReplaceRootVolumeTasks': (call) => this.#describeRootSwaps(call),
    'autoscaling SetInstanceHealth': (call) => this.#setInstanceHealth(call),
    'ssm DescribeInstanceInformation': (call) => this.#describeAgents(call),
    'ec2 DescribeInstanceStatus': (call) => this.#describeInstanceStatus(call),
    'elasticloadbalancing RegisterTargets': (call) => this.#registerTargets(call),
    'elasticloadbalancing DeregisterTargets': (call) => this.#deregisterTargets(call),
    'elasticloadbalancing DescribeTargetHealth': (call) => this.#describeTargetHealth(call),
  };

  async #forward({ raw, request }: Call): Promise<ForwardedAnswer> {
    const answer = await forward(this.#options.motoUrl, raw.method, raw.url, raw.headers, raw.body);
    const isPage = answer.statusCode >= 500 && answer.body.subarray(0, 100).includes('<!doctype html>');
    // moto's error page would reach the caller as an unreadable answer, and be tried again in vain.
    const message = `The local fleet (moto) cannot answer ${request.action}: see its log in .perennial/logs.`;
    return isPage ? toForwarded(errorAnswer(request.service, 'UnsupportedOperation', message)) : answer;
  }

  async #runInstances(call: Call): Promise<ForwardedAnswer> {
    const { region, parameters } = call.request;
    const known = new Map([...this.#launches].map(([key, launch]) => [key, launch.fingerprint]));
    const decision = decideLaunch(known, region, parameters);
    if (decision.kind === 'mismatch') {
      const message = `The client token '${decision.token}' was used before with other parameters.`;
      return toForwarded(errorAnswer('ec2', 'IdempotentParameterMismatch', message));
    }
    const first = decision.kind === 'repeat' ? this.#launches.get(decision.key) : undefined;
    return first === undefined ? this.#launch(call) : first.answer;
  }

  async #launch(call: Call): Promise<ForwardedAnswer> {
    const key = launchKey(call.request.region, call.request.parameters);
    const answer = this.#forward(call);
    if (key !== undefined && this.#launches.size < MAX_LAUNCHES) {
      // Remembered before the answer is there: two calls at once with one token launch once.
      this.#launches.set(key, { fingerprint: launchFingerprint(call.request.parameters), answer });
    }
    const isLaunched = await answer.then(
      ({ statusCode }) => statusCode === 200,
      () => false,
    );
    if (!isLaunched && key !== undefined) {
      this.#launches.delete(key);
    }
    return answer;
  }

  /** moto's images have no ENA, which every current type needs: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html */
  async #describeImages(call: Call): Promise<ForwardedAnswer> {
    const answer = await this.#forward(call);
    return mapBody(answer, (xml) => (xml.includes('<enaSupport>') ? xml : xml.replaceAll('</imageId>', '</imageId><enaSupport>true</enaSupport>')));
  }

  async #describeInstances(call: Call): Promise<ForwardedAnswer> {
    const taken = takeOutClientToken(call.request.parameters);
    if (taken === undefined) {
      return this.#forward(call);
    }
    const headers = { ...call.raw.headers };
    delete headers['content-encoding'];
    const answer = await this.#forward({ ...call, raw: { ...call.raw, headers, body: Buffer.from(taken.parameters.toString()) } });
    return mapBody(answer, (xml) => keepClientTokens(xml, taken.clientTokens));
  }

  async #describeInstanceStatus(call: Call): Promise<ForwardedAnswer> {
    const filters = statusFilters(call.request.parameters);
    const answer = await this.#forward(call);
    return mapBody(answer, (xml) => rewriteInstanceStatus(xml, (instanceId) => this.state.impairment(instanceId), filters));
  }

  async #registerTargets(call: Call): Promise<ForwardedAnswer> {
    const answer = await this.#forward(call);
    const untilMs = this.#options.now() + this.#options.initialHealthSeconds * 1000;
    return onSuccess(answer, () => {
      for (const instanceId of listParameter(call.request.parameters, TARGETS)) {
        this.state.register(targetGroupOf(call), instanceId, untilMs);
      }
    });
  }

  async #deregisterTargets(call: Call): Promise<ForwardedAnswer> {
    const drainSeconds = await this.#drainSeconds(call);
    const answer = await this.#forward(call);
    // moto refuses what is out already; on AWS "if the specified target does not exist, the action returns successfully"
    // (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html).
    if (answer.statusCode === 400 && answer.body.includes('<Code>InvalidTarget</Code>')) return toForwarded(nothingDeregistered);
    const untilMs = this.#options.now() + drainSeconds * 1000;
    return onSuccess(answer, () => {
      for (const instanceId of listParameter(call.request.parameters, TARGETS)) {
        this.state.deregister(targetGroupOf(call), instanceId, untilMs);
      }
    });
  }

  /** moto has no such tasks. Only a running instance can be given a new root: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/replace-root.html */
  async #createRootSwap({ raw, request }: Call): Promise<ForwardedAnswer> {
    const instanceId = request.parameters.get('InstanceId') ?? '';
    const described = await this.#ask(raw, { Action: 'DescribeInstances', Version: '2016-11-15', 'InstanceId.1': instanceId });
    if (!described.includes('<name>running</name>')) {
      return toForwarded(errorAnswer('ec2', 'IncorrectInstanceState', `The instance '${instanceId}' is not in the running state.`));
    }
    const task = this.rootSwaps.create(request.parameters, this.#options.now());
    return toForwarded(createdAnswer(task, this.#options.now()));
  }

  #describeRootSwaps({ request }: Call): Promise<ForwardedAnswer> {
    const taskIds = listParameter(request.parameters, /^ReplaceRootVolumeTaskId\.\d+$/);
    const tasks = taskIds.flatMap((taskId) => this.rootSwaps.find(taskId) ?? []);
    const unknown = taskIds.find((taskId) => this.rootSwaps.find(taskId) === undefined);
    const answer =
      unknown === undefined
        ? describedAnswer(tasks, this.#options.now())
        : errorAnswer('ec2', 'InvalidReplaceRootVolumeTaskId.NotFound', `The replaceRootVolumeTaskId '${unknown}' does not exist.`);
    return Promise.resolve(toForwarded(answer));
  }

  /**
   * moto notes the health and does nothing. A group ends what is unhealthy and launches another one
   * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html); ended in moto, it is replaced by moto.
   */
  async #setInstanceHealth(call: Call): Promise<ForwardedAnswer> {
    const instanceId = call.request.parameters.get('InstanceId') ?? '';
    const answer = await this.#forward(call);
    if (answer.statusCode !== 200) {
      return toForwarded(errorAnswer('autoscaling', 'ValidationError', `Instance Id not found - No managed instance found for instance ID: ${instanceId}`));
    }
    if (call.request.parameters.get('HealthStatus') === 'Unhealthy') {
      const authorization = call.raw.headers.authorization?.replace('/autoscaling/aws4_request', '/ec2/aws4_request');
      const raw = { ...call.raw, headers: { ...call.raw.headers, ...(authorization === undefined ? {} : { authorization }) } };
      await this.#ask(raw, { Action: 'TerminateInstances', Version: '2016-11-15', 'InstanceId.1': instanceId });
    }
    return answer;
  }

  /** moto knows no agents; https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html */
  #describeAgents({ raw }: Call): Promise<ForwardedAnswer> {
    const asked = raw.body.toString('utf8');
    const listed = this.state.onlineAgents().filter((instanceId) => !asked.includes('"i-') || asked.includes(`"${instanceId}"`));
    const InstanceInformationList = listed.map((InstanceId) => ({ InstanceId, PingStatus: 'Online', PlatformType: 'Linux', ResourceType: 'EC2Instance' }));
    return Promise.resolve(toForwarded({ statusCode: 200, contentType: 'application/x-amz-json-1.1', body: JSON.stringify({ InstanceInformationList }) }));
  }

  async #describeTargetHealth(call: Call): Promise<ForwardedAnswer> {
    const answer = await this.#forward(call);
    const group = targetGroupOf(call);
    const nowMs = this.#options.now();
    // A call that names targets gets exactly those, and moto lists unknown ones as not registered.
    const named = listParameter(call.request.parameters, TARGETS);
    const draining = named.length > 0 ? [] : this.state.draining(group, nowMs);
    return mapBody(answer, (xml) => rewriteTargetHealth(xml, (id) => this.state.facts(group, id), draining, nowMs));
  }

  /**
   * moto changes the groups of the interface only. On AWS the groups of an instance are those of its primary interface
   * (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html), so the instance is told as well.
   */
  async #modifyInterface(call: Call): Promise<ForwardedAnswer> {
    const { parameters } = call.request;
    const answer = await this.#forward(call);
    const groups = listParameter(parameters, /^SecurityGroupId\.\d+$/);
    if (answer.statusCode !== 200 || groups.length === 0) return answer;
    const described = await this.#ask(call.raw, {
      Action: 'DescribeNetworkInterfaces',
      Version: '2016-11-15',
      'NetworkInterfaceId.1': parameters.get('NetworkInterfaceId') ?? '',
    });
    const [, attachment = ''] = described.split('<attachment>');
    const instanceId = textOf(attachment, 'instanceId');
    if (instanceId === undefined || textOf(attachment, 'deviceIndex') !== '0') return answer;
    const wanted = Object.fromEntries(groups.map((group, index) => [`GroupId.${index + 1}`, group]));
    await this.#ask(call.raw, { Action: 'ModifyInstanceAttribute', Version: '2016-11-15', InstanceId: instanceId, ...wanted });
    return answer;
  }

  /** The group's own setting: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html */
  async #drainSeconds({ raw, request }: Call): Promise<number> {
    const answer = await this.#ask(raw, {
      Action: 'DescribeTargetGroupAttributes',
      Version: request.parameters.get('Version') ?? '2015-12-01',
      TargetGroupArn: request.parameters.get('TargetGroupArn') ?? '',
    });
    const [, member = ''] = answer.split('<Key>deregistration_delay.timeout_seconds</Key>');
    const seconds = textOf(member, 'Value');
    return seconds === undefined ? DEFAULT_DRAIN_SECONDS : Number(seconds);
  }

  /** A call of our own to moto, signed like the one it serves. */
  async #ask(raw: RawRequest, form: Readonly<Record<string, string>>): Promise<string> {
    const headers = { ...raw.headers, 'content-type': 'application/x-www-form-urlencoded' };
    delete headers['content-encoding'];
    const answer = await forward(this.#options.motoUrl, 'POST', '/', headers, Buffer.from(new URLSearchParams(form).toString()));
    return answer.body.toString('utf8');
  }
}

const nothingDeregistered: Answer = {
  statusCode: 200,
  contentType: 'text/xml',
  body: '<DeregisterTargetsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DeregisterTargetsResult/></DeregisterTargetsResponse>',
};

function targetGroupOf(call: Call): string {
  return call.request.parameters.get('TargetGroupArn') ?? '';
}

function statusFilters(parameters: URLSearchParams): readonly StatusFilter[] {
  return [...parameters]
    .filter(([key, name]) => /^Filter\.\d+\.Name$/.test(key) && isStatusFilter(name))
    .map(([key, name]) => {
      const values = key.replace(/Name$/, 'Value.').replaceAll('.', '\\.');
      return { name, values: listParameter(parameters, new RegExp(`^${values}\\d+$`)) };
    });
}

function onSuccess(answer: ForwardedAnswer, act: () => void): ForwardedAnswer {
  if (answer.statusCode === 200) {
    act();
  }
  return answer;
}

function mapBody(answer: ForwardedAnswer, map: (xml: string) => string): ForwardedAnswer {
  return answer.statusCode === 200 ? { ...answer, body: Buffer.from(map(answer.body.toString('utf8'))) } : answer;
}

function toForwarded({ statusCode, contentType, body }: Answer): ForwardedAnswer {
  return { statusCode, headers: { 'content-type': contentType }, body: Buffer.from(body) };
}

function fromAnswer(answer: Answer | undefined): ForwardedAnswer | undefined {
  return answer === undefined ? undefined : toForwarded(answer);
}
