import { describe, expect, it } from 'vitest';
import { functionEnvironments } from '../../core/environment/function-environment.ts';
import { environment } from './bundles.ts';

describe('the environment that bundles are loaded with', () => {
  it.each(Object.entries(functionEnvironments))('has all that the function %s asks for', (_name, schema) => {
    expect(schema.safeParse(environment).error).toBeUndefined();
  });
});
