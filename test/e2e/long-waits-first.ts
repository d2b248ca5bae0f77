import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The two files that wait most, one on each local AWS; then what computes; then the files that would wait for the first two. */
const first: readonly string[] = ['/test/e2e/repairs.test.ts', '/test/e2e/story.test.ts'];

function rankOf({ moduleId, project }: TestSpecification): number {
  const place = first.findIndex((path) => moduleId.endsWith(path));
  if (place !== -1) return place;
  return project.name.startsWith('local-aws') ? first.length + 1 : first.length;
}

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

/** Within a group of projects; otherwise as vitest itself orders files. */
export class LongWaitsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's own, not the array's
    const sorted = await super.sort(files);
    return sorted.toSorted((left, right) => groupOf(left) - groupOf(right) || rankOf(left) - rankOf(right));
  }
}
