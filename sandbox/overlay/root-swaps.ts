import type { Answer } from './answers.ts';
import { escapeXml } from './xml.ts';

/** How a replacement of a root volume can end: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRootVolumeTask.html */
export const swapEndings = ['succeeded', 'failed', 'failed-detached'] as const;
export type SwapEnding = (typeof swapEndings)[number];

export interface RootSwapTask {
  readonly taskId: string;
  readonly instanceId: string;
  readonly imageId: string;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly ending: SwapEnding;
}

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/';
const MAX_TASKS = 1000;

/** `pending` first, `in-progress` then, at last how it ends. */
export const SWAP_MS = 1000;

/** Tasks that replace root volumes, which moto does not know. They change nothing in moto: its instances keep their volumes and images. */
export class RootSwaps {
  readonly #tasks: RootSwapTask[] = [];
  readonly #endings = new Map<string, SwapEnding>();

  /** The next task of this instance ends so. */
  endNext(instanceId: string, ending: SwapEnding): void {
    this.#endings.set(instanceId, ending);
  }

  /** A task of the same client token is given again, not made twice. */
  create(parameters: URLSearchParams, nowMs: number): RootSwapTask {
    const token = parameters.get('ClientToken') ?? '';
    const known = token === '' ? undefined : this.#tasks.find((task) => task.token === token);
    if (known !== undefined) return known;
    const instanceId = parameters.get('InstanceId') ?? '';
    const taskId = `replacevol-${(this.#tasks.length + 1).toString(16).padStart(17, '0')}`;
    const task = {
      taskId,
      instanceId,
      imageId: parameters.get('ImageId') ?? '',
      token,
      startedMs: nowMs,
      ending: this.#endings.get(instanceId) ?? 'succeeded',
    };
    this.#endings.delete(instanceId);
    this.#tasks.push(task);
    if (this.#tasks.length > MAX_TASKS) this.#tasks.shift();
    return task;
  }

  find(taskId: string): RootSwapTask | undefined {
    return this.#tasks.find((task) => task.taskId === taskId);
  }
}

export function swapState({ startedMs, ending }: RootSwapTask, nowMs: number): string {
  if (nowMs < startedMs + SWAP_MS / 2) return 'pending';
  return nowMs < startedMs + SWAP_MS ? 'in-progress' : ending;
}

function taskXml(task: RootSwapTask, nowMs: number): string {
  const state = swapState(task, nowMs);
  const completed = nowMs < task.startedMs + SWAP_MS ? '' : `<completeTime>${new Date(task.startedMs + SWAP_MS).toISOString()}</completeTime>`;
  return (
    `<replaceRootVolumeTaskId>${task.taskId}</replaceRootVolumeTaskId><instanceId>${escapeXml(task.instanceId)}</instanceId>` +
    `<taskState>${state}</taskState><startTime>${new Date(task.startedMs).toISOString()}</startTime>${completed}` +
    `<imageId>${escapeXml(task.imageId)}</imageId><deleteReplacedRootVolume>false</deleteReplacedRootVolume>`
  );
}

const xml = (body: string): Answer => ({ statusCode: 200, contentType: 'text/xml;charset=UTF-8', body });

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateReplaceRootVolumeTask.html */
export function createdAnswer(task: RootSwapTask, nowMs: number): Answer {
  return xml(
    `<CreateReplaceRootVolumeTaskResponse xmlns="${NAMESPACE}"><requestId>overlay</requestId>` +
      `<replaceRootVolumeTask>${taskXml(task, nowMs)}</replaceRootVolumeTask></CreateReplaceRootVolumeTaskResponse>`,
  );
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeReplaceRootVolumeTasks.html */
export function describedAnswer(tasks: readonly RootSwapTask[], nowMs: number): Answer {
  const items = tasks.map((task) => `<item>${taskXml(task, nowMs)}</item>`).join('');
  return xml(
    `<DescribeReplaceRootVolumeTasksResponse xmlns="${NAMESPACE}"><requestId>overlay</requestId>` +
      `<replaceRootVolumeTaskSet>${items}</replaceRootVolumeTaskSet></DescribeReplaceRootVolumeTasksResponse>`,
  );
}
