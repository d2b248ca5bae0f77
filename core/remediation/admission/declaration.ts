import * as z from 'zod/mini';
import { storedFormOf } from '../../catalog/compile.ts';
import { type MaintenanceWindow, policySchema, type RemediationPolicy, type System, systemSchema } from '../../catalog/schema.ts';
import type { Scope } from '../../environment/ports.ts';
import { addSeconds } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, type RecordType, writeOf } from '../../records/record-type.ts';
import type { RecordStore, RecordWrite } from '../../records/store.ts';

/**
 * What the catalog declared when a remediation was claimed. When the system or its policy leaves the catalog in the middle of it, the way
 * to the safe point still needs them (design section 6).
 */
interface Declaration {
  readonly claimedAt: string;
  readonly system: System;
  readonly policy: RemediationPolicy;
}

const declarationSchema: z.ZodMiniType<Declaration> = storedFormOf(z.object({ claimedAt: z.string(), system: systemSchema, policy: policySchema }));

/** Longer than any remediation runs; the reaper closes what nobody has carried on for a day. */
const KEPT_SECONDS = 30 * 86_400;

export const declarationType: RecordType<Declaration> = {
  name: 'declaration',
  schema: declarationSchema,
  expiresAt: ({ claimedAt }) => addSeconds(claimedAt, KEPT_SECONDS),
};

/** The write that goes with the claim, in its transaction. */
export function declarationWrite(scope: Scope, remediationId: string, declaration: Declaration): RecordWrite {
  return writeOf(declarationType, keys.declaration(scope, remediationId), declaration, 0);
}

/** The declaration of a remediation; `undefined` for one that was claimed before they were kept. Windows matter before the claim only. */
export async function readDeclaration(
  { store, scope }: { readonly store: RecordStore; readonly scope: Scope },
  remediationId: string,
): Promise<{ readonly system: System; readonly policy: RemediationPolicy; readonly windows: readonly MaintenanceWindow[] } | undefined> {
  const kept = (await readRecord(store, declarationType, keys.declaration(scope, remediationId)))?.body;
  return kept === undefined ? undefined : { system: kept.system, policy: kept.policy, windows: [] };
}
