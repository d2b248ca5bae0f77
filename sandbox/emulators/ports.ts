import { createServer } from 'node:net';
import { SandboxError } from './sandbox-error.ts';

export interface PortPlan {
  /** MiniStack, `controlEndpoint`. */
  readonly ministack: number;
  /** The overlay, `fleetEndpoint`. */
  readonly overlay: number;
  /** moto itself; only the overlay talks to it. */
  readonly moto: number;
}

const NAMES: Readonly<Record<keyof PortPlan, string>> = {
  ministack: 'MiniStack',
  overlay: 'the overlay before the fleet',
  moto: 'moto (the fleet)',
};
export const DEFAULT_PORT_BASE = 4600;
const LOWEST = 1024;
const HIGHEST = 65_535 - 2;
const SUGGESTION_STEP = 100;
const MAX_SUGGESTIONS = 20;

/** @param base the first of three ports in a row, for example from `--port-base 4700` */
export function portPlan(base: number): PortPlan {
  if (!Number.isInteger(base) || base < LOWEST || base > HIGHEST) {
    throw new SandboxError(`--port-base must be a whole number from ${LOWEST} to ${HIGHEST}.\nType for example: npm start -- --port-base ${DEFAULT_PORT_BASE}`);
  }
  return { ministack: base, overlay: base + 1, moto: base + 2 };
}

/** Throws a {@link SandboxError} that names the busy port and a port base that is free. */
export async function assertPortsAreFree(base: number): Promise<PortPlan> {
  const plan = portPlan(base);
  const busy = await busyPorts(plan);
  const [first] = busy;
  if (first === undefined) {
    return plan;
  }
  const suggestion = await freeBase(base);
  throw new SandboxError(
    `Port ${plan[first]}, wanted for ${NAMES[first]}, is in use by another program (perhaps an earlier \`npm start\`).\n` +
      `Stop that program, or use other ports; type: npm start -- --port-base ${suggestion}`,
  );
}

/** Three ports that are free now, wherever they are; for tests. */
export async function freePortPlan(): Promise<PortPlan> {
  const servers = await Promise.all([0, 0, 0].map((port) => listen(port)));
  const ports = servers.map((server) => server?.port ?? 0);
  await Promise.all(servers.map(async (server) => server?.close()));
  const [ministack = 0, overlay = 0, moto = 0] = ports;
  return { ministack, overlay, moto };
}

async function busyPorts(plan: PortPlan): Promise<readonly (keyof PortPlan)[]> {
  const names = ['ministack', 'overlay', 'moto'] as const;
  const free = await Promise.all(names.map((name) => isFree(plan[name])));
  return names.filter((_, index) => free[index] !== true);
}

async function freeBase(base: number): Promise<number> {
  for (let step = 1; step <= MAX_SUGGESTIONS; step += 1) {
    const candidate = LOWEST + ((base - LOWEST + step * SUGGESTION_STEP) % (HIGHEST - LOWEST));
    if ((await busyPorts(portPlan(candidate))).length === 0) {
      return candidate;
    }
  }
  return base + SUGGESTION_STEP;
}

async function isFree(port: number): Promise<boolean> {
  const listener = await listen(port);
  await listener?.close();
  return listener !== undefined;
}

interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** `undefined` when the port can not be had. */
function listen(port: number): Promise<Listener | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
          }),
      });
    });
  });
}
