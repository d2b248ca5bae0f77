import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOverlay } from '../overlay/overlay.ts';
import type { Overlay } from '../overlay/overlay.ts';
import { Emulator } from './emulator.ts';
import type { EmulatorPlan } from './emulator.ts';
import { scrubbedEnvironment } from './environment.ts';
import type { LocalEndpoints } from './environment.ts';
import { host } from './host.ts';
import { TEMPORARY_FOLDER_PREFIX, endAbandonedRuns, writeRunRecord } from './pid-file.ts';
import type { PortPlan } from './ports.ts';
import { commandLine } from './process-identity.ts';
import { SandboxError } from './sandbox-error.ts';

export interface LocalAwsOptions {
  readonly ports: PortPlan;
  /** 12 digits; both emulators have it. */
  readonly accountId: string;
  readonly region: string;
  /** Top of the checkout. */
  readonly projectFolder: string;
  /** From `ensureVenv`. */
  readonly venvPython: string;
  /** How long a newly registered target answers `initial`. */
  readonly initialHealthSeconds?: number;
}

export interface LocalAws extends LocalEndpoints {
  readonly accountId: string;
  readonly ministackPid: number;
  readonly motoPid: number;
  readonly overlay: Overlay;
  /** Called once when an emulator dies without being told to. */
  onDeath(tell: (error: SandboxError) => void): void;
  /** Ends everything; calling it again is fine. */
  stop(): Promise<void>;
}

/** Names of the files and folders of the local AWS under the checkout. */
export const STATE_FOLDER = '.perennial';

/**
 * Starts MiniStack, moto and the overlay on 127.0.0.1 and waits until they answer. What an earlier run left behind after a SIGKILL
 * is ended first. When this process exits, all of it ends.
 */
export async function startLocalAws(options: LocalAwsOptions): Promise<LocalAws> {
  const stateFolder = join(options.projectFolder, STATE_FOLDER);
  endAbandonedRuns(stateFolder);
  // Outside the checkout: a function that forgot to bundle a package must not find it in our node_modules.
  const temporaryFolder = mkdtempSync(join(tmpdir(), TEMPORARY_FOLDER_PREFIX));
  const endpoints: LocalEndpoints = {
    controlEndpoint: url(options.ports.ministack),
    fleetEndpoint: url(options.ports.overlay),
    region: options.region,
    homeFolder: join(temporaryFolder, 'home'),
  };
  mkdirSync(endpoints.homeFolder);
  const emulators = [ministackPlan(options, endpoints, temporaryFolder), motoPlan(options, endpoints, temporaryFolder)].map((plan) => new Emulator(plan));
  const runFile = writeRunRecord(stateFolder, {
    ownerPid: process.pid,
    ownerCommand: commandLine(process.pid),
    temporaryFolder,
    emulators: emulators.filter(({ pid }) => pid > 0).map(({ pid, plan }) => ({ pid, command: [plan.command, ...plan.arguments].join(' ') })),
  });
  const cleanUp = (): void => {
    emulators.forEach((emulator) => emulator.kill());
    rmSync(temporaryFolder, { recursive: true, force: true, maxRetries: 3 });
    rmSync(runFile, { force: true });
  };
  process.once('exit', cleanUp);
  let overlay: Overlay | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all([...emulators.map((emulator) => emulator.stop()), overlay?.stop()]);
    process.off('exit', cleanUp);
    cleanUp();
  };
  try {
    overlay = await startFleetOverlay(options);
    await Promise.all(emulators.map((emulator) => emulator.waitUntilReady()));
    return describeLocalAws(options, endpoints, emulators, overlay, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Ends the local AWS in order on Ctrl-C, a closed terminal or SIGTERM, then this process. A second signal does not wait.
 *
 * @param last runs first, for example to remove `local.json`
 */
export function stopOnSignals(localAws: LocalAws, last: () => void = () => {}): void {
  const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
  let isStopping = false;
  const end = async (code: number): Promise<void> => {
    if (!isStopping) {
      isStopping = true;
      last();
      await localAws.stop();
    }
    process.exit(code);
  };
  process.on('SIGHUP', () => void end(codes.SIGHUP));
  process.on('SIGINT', () => void end(codes.SIGINT));
  process.on('SIGTERM', () => void end(codes.SIGTERM));
}

function describeLocalAws(
  { accountId }: LocalAwsOptions,
  endpoints: LocalEndpoints,
  emulators: readonly Emulator[],
  overlay: Overlay,
  stop: () => Promise<void>,
): LocalAws {
  const [ministack, moto] = emulators;
  let stopping: Promise<void> | undefined;
  return {
    ...endpoints,
    accountId,
    ministackPid: ministack?.pid ?? 0,
    motoPid: moto?.pid ?? 0,
    overlay,
    onDeath: (tell) => emulators.forEach((emulator) => emulator.onDeath(tell)),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

async function startFleetOverlay({ ports, initialHealthSeconds }: LocalAwsOptions): Promise<Overlay> {
  try {
    return await startOverlay({
      port: ports.overlay,
      motoUrl: url(ports.moto),
      ...(initialHealthSeconds === undefined ? {} : { initialHealthSeconds }),
      now: () => host.now(),
    });
  } catch (error) {
    throw new SandboxError(`The overlay could not listen on port ${ports.overlay}: ${String(error)}.`, { cause: error });
  }
}

function ministackPlan(options: LocalAwsOptions, endpoints: LocalEndpoints, temporaryFolder: string): EmulatorPlan {
  const { ports, accountId, region, projectFolder, venvPython } = options;
  return {
    name: 'MiniStack',
    command: venvPython,
    arguments: [join(projectFolder, 'sandbox', 'emulators', 'ministack-launcher.py')],
    environment: {
      // Functions inherit this environment: their calls stay on this machine whatever the template says.
      ...scrubbedEnvironment(endpoints, 'platform'),
      TMPDIR: temporaryFolder,
      PYTHONUNBUFFERED: '1',
      BIND_HOST: '127.0.0.1',
      // The host in queue URLs; with the default `localhost` every SQS client warns about a second name.
      MINISTACK_HOST: '127.0.0.1',
      GATEWAY_PORT: String(ports.ministack),
      // Otherwise a message broker listens on all addresses.
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
      AUTH: 'true',
      MINISTACK_ACCOUNT_ID: accountId,
      MINISTACK_REGION: region,
    },
    logFile: join(projectFolder, STATE_FOLDER, 'logs', `ministack-${ports.ministack}.log`),
    readyUrl: `${endpoints.controlEndpoint}/_ministack/ready`,
  };
}

function motoPlan(options: LocalAwsOptions, endpoints: LocalEndpoints, temporaryFolder: string): EmulatorPlan {
  const { ports, accountId, projectFolder, venvPython } = options;
  return {
    name: 'moto',
    command: venvPython,
    arguments: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(ports.moto)],
    environment: {
      ...scrubbedEnvironment(endpoints, 'deployer'),
      TMPDIR: temporaryFolder,
      PYTHONUNBUFFERED: '1',
      MOTO_ACCOUNT_ID: accountId,
      MOTO_ENABLE_AMI_VALIDATION: 'true',
    },
    logFile: join(projectFolder, STATE_FOLDER, 'logs', `moto-${ports.moto}.log`),
    readyUrl: `${url(ports.moto)}/moto-api/`,
  };
}

function url(port: number): string {
  return `http://127.0.0.1:${port}`;
}
