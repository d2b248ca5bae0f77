import * as z from 'zod/mini';
import { createPerennialApp } from '../../lib/perennial-app.ts';

const resourceSchema = z.object({
  Type: z.string(),
  Properties: z._default(z.record(z.string(), z.unknown()), {}),
  DeletionPolicy: z.optional(z.string()),
  UpdateReplacePolicy: z.optional(z.string()),
});
const templateSchema = z.object({ Resources: z.record(z.string(), resourceSchema), Outputs: z._default(z.record(z.string(), z.unknown()), {}) });

export type Resource = z.infer<typeof resourceSchema>;
export type CloudFormationTemplate = z.infer<typeof templateSchema>;

export const catalogDirectory = 'test/lib/catalog';

/** Without bundling: what a template says does not depend on what a function does. */
const context = { 'aws:cdk:bundling-stacks': [], allowDirty: 'true', catalogDirectory };

/** The templates of all stacks as `cdk deploy` would send them, cdk-nag included. */
export function synthesise(more: Readonly<Record<string, unknown>> = {}) {
  const assembly = createPerennialApp({ context: { ...context, ...more } }).synth();
  return {
    main: assembly.getStackByName('Perennial'),
    console: assembly.getStackByName('PerennialConsole'),
    monitoring: assembly.getStackByName('PerennialMonitoring'),
  };
}

export function parseTemplate(template: unknown): CloudFormationTemplate {
  return templateSchema.parse(template);
}

export function resourcesOf({ Resources }: CloudFormationTemplate, type: string): readonly (readonly [string, Resource])[] {
  return Object.entries(Resources).filter(([, resource]) => resource.Type === type);
}
