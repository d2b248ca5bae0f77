import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openTarget } from '../../cli/open-target.ts';

const folder = mkdtempSync(join(tmpdir(), 'perennial-target-'));
const file = join(folder, 'local.json');
afterAll(() => rmSync(folder, { recursive: true }));

describe('the target of a command', () => {
  it.each([
    [{}, 'Say --local'],
    [{ profile: 'ops' }, 'Say --local'],
    [{ region: 'mars-1' }, '"mars-1" is not the name of an AWS Region'],
    [{ region: 'eu central 1' }, 'Write it as AWS does'],
    [{ local: true, region: 'eu-central-1' }, 'Give one or the other'],
  ])('%j is refused', async (options, says) => {
    await expect(openTarget(options, file)).rejects.toThrow(says);
  });

  it('--local without a running local AWS says what to type', async () => {
    await expect(openTarget({ local: true }, join(folder, 'absent.json'))).rejects.toThrow('The local AWS is not running');
    await expect(openTarget({ local: true }, join(folder, 'absent.json'))).rejects.toThrow('npm start');
  });

  it.each(['', '{', '{}', '{"region":"eu-central-1","controlEndpoint":"x","fleetEndpoint":"y"}'])(
    '--local with a broken file %j says what to type',
    async (text) => {
      writeFileSync(file, text);
      await expect(openTarget({ local: true }, file)).rejects.toThrow('start it again: npm start');
    },
  );

  it('--local with a file that a killed local AWS left says so', async () => {
    writeFileSync(file, JSON.stringify({ region: 'eu-central-1', controlEndpoint: 'http://127.0.0.1:9', fleetEndpoint: 'http://127.0.0.1:9' }));
    await expect(openTarget({ local: true }, file)).rejects.toThrow('does not answer at http://127.0.0.1:9');
  });
});
