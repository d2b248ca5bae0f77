import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePortPlan } from '../../sandbox/emulators/ports.ts';
import { STATE_FOLDER, startLocalAws } from '../../sandbox/emulators/processes.ts';
import { ensureVenv, findPython } from '../../sandbox/emulators/python.ts';

/** What end-to-end tests need of the one local AWS that runs beside them. */
export interface ProvidedLocalAws {
  readonly controlEndpoint: string;
  readonly fleetEndpoint: string;
  readonly region: string;
  readonly homeFolder: string;
  readonly accountId: string;
  readonly ministackPid: number;
  readonly motoPid: number;
  /** Python of the venv that holds MiniStack and moto. */
  readonly venvPython: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    localAws: ProvidedLocalAws;
  }
}

/** Starts the local AWS once, on free ports, for all end-to-end tests; vitest calls the returned function also after failures. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const projectFolder = join(import.meta.dirname, '..', '..');
  const requirements = join(projectFolder, 'sandbox', 'requirements.txt');
  const venvPython = await ensureVenv(await findPython(), requirements, join(projectFolder, STATE_FOLDER));
  const localAws = await startLocalAws({
    ports: await freePortPlan(),
    accountId: '111122223333',
    region: 'eu-central-1',
    projectFolder,
    venvPython,
    initialHealthSeconds: 1,
  });
  const { controlEndpoint, fleetEndpoint, region, homeFolder, accountId, ministackPid, motoPid } = localAws;
  project.provide('localAws', { controlEndpoint, fleetEndpoint, region, homeFolder, accountId, ministackPid, motoPid, venvPython });
  return () => localAws.stop();
}
