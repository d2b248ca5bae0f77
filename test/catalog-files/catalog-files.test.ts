import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readProvenance } from '../../catalog-files/provenance.ts';
import { checkDirectory, loadCatalog, readCatalogFiles } from '../../catalog-files/read-catalog.ts';

let root: string;
let ops: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'perennial-catalog-'));
  ops = join(root, 'ops');
  mkdirSync(ops);
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function git(...words: readonly string[]): string {
  return execFileSync('git', ['-C', root, '-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false', ...words], {
    encoding: 'utf8',
  }).trim();
}

describe('the committed catalogs', () => {
  it.each(['ops', 'examples/three-tiers', 'sandbox/ops'])('%s has no errors and no warnings', (directory) => {
    const { errors, warnings } = checkDirectory(directory);
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] });
  });

  it('leave every system of the default catalog in dry run', () => {
    expect(checkDirectory('ops').catalog?.policies.map(({ spec }) => spec.mode)).toEqual(['dry-run']);
  });

  it('let the demo repair, with times that say openly how short they are', () => {
    const demo = checkDirectory('sandbox/ops').catalog;
    expect(demo?.systems.map(({ metadata, spec }) => [metadata.name, spec.topology, spec.targetGroups])).toEqual([
      ['shop-batch', 'single', []],
      ['shop-web', 'multiple', ['shop-web']],
    ]);
    expect(demo?.policies.map(({ spec }) => [spec.mode, spec.pendingSeconds, spec.verifiedAfterSeconds])).toEqual([
      ['auto', 5, 10],
      ['auto', 5, 10],
    ]);
  });
});

describe('reading a directory', () => {
  it('reads .yaml and .yml in the order of their names, and nothing else', () => {
    for (const name of ['b.yml', 'a.yaml', 'notes.md', '.hidden.yaml']) writeFileSync(join(ops, name), `# ${name}\n`);
    expect(readCatalogFiles(ops)).toEqual({
      files: [
        { path: join(ops, 'a.yaml'), text: '# a.yaml\n' },
        { path: join(ops, 'b.yml'), text: '# b.yml\n' },
      ],
      errors: [],
    });
  });

  it('makes an empty or missing directory an error: it would retire every system', () => {
    expect(readCatalogFiles(ops).errors).toEqual([expect.objectContaining({ file: ops, line: 1, column: 1, message: 'holds no .yaml file' })]);
    expect(loadCatalog(join(root, 'nowhere'))).toMatchObject({ errors: [{ message: 'is not a directory that can be read (ENOENT)' }] });
  });

  it('does not read a huge file, and says what it could not read', () => {
    writeFileSync(join(ops, 'huge.yaml'), '');
    truncateSync(join(ops, 'huge.yaml'), 4 * 1024 * 1024);
    mkdirSync(join(ops, 'folder.yaml'));
    const { catalog, errors } = checkDirectory(ops);
    expect(catalog).toBeUndefined();
    expect(errors.map(({ file, message }) => [file, message])).toEqual([
      [join(ops, 'folder.yaml'), 'is not a file'],
      [join(ops, 'huge.yaml'), 'is larger than 1 MiB'],
    ]);
  });
});

describe('provenance', () => {
  it('is null and clean outside git', () => {
    expect(readProvenance(ops)).toEqual({ commit: null, dirty: false, reason: 'the directory is not in a git repository' });
  });

  it('is null and dirty before the first commit', () => {
    git('init', '--quiet');
    expect(readProvenance(ops)).toMatchObject({ commit: null, dirty: true });
  });

  it('names the commit, and sees changed, new and ignored catalog files in that directory only', () => {
    git('init', '--quiet');
    writeFileSync(join(ops, 'a.yaml'), '# one\n');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
    const commit = git('rev-parse', 'HEAD');
    expect(readProvenance(ops)).toEqual({ commit, dirty: false, reason: `as in commit ${commit}` });
    writeFileSync(join(root, 'elsewhere.yaml'), '');
    writeFileSync(join(ops, 'notes.txt'), '');
    expect(readProvenance(ops).dirty).toBe(false);
    writeFileSync(join(ops, 'b.yaml'), '# new\n');
    expect(readProvenance(ops)).toMatchObject({ commit, dirty: true });
    writeFileSync(join(root, '.gitignore'), 'b.yaml\n');
    expect(readProvenance(ops).dirty).toBe(true);
    rmSync(join(ops, 'b.yaml'));
    expect(readProvenance(ops).dirty).toBe(false);
    writeFileSync(join(ops, 'a.yaml'), '# two\n');
    expect(readProvenance(ops)).toMatchObject({ commit, dirty: true });
  });

  it('is dirty when git can not say', () => {
    expect(readProvenance(join(root, 'nowhere'))).toMatchObject({ commit: null, dirty: true });
  });
});
