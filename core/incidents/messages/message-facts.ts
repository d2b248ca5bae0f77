import type { System } from '../../catalog/schema.ts';
import type { Deployment, DeploymentKind, Finding } from '../../deployments/record.ts';
import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import type { Remediation } from '../../remediation/record.ts';
import type { Eta } from './eta.ts';
import type { Background } from './background.ts';
import type { Incident } from '../record.ts';

/** What a message about an incident is written from. */
export interface MessageFacts {
  readonly incident: Incident;
  readonly now: Timestamp;
  /** From past runs of the system; `undefined` without any. */
  readonly eta?: Eta | undefined;
  /** As the catalog declares it; absent when nobody owns the subject. */
  readonly system?: System | undefined;
  /** The repair it is about, or the newest one. */
  readonly remediation?: Remediation | undefined;
  readonly lastDeployment?: Deployment | undefined;
  /** Why there is no repair, when there is none. */
  readonly reason?: string | undefined;
  /** Names of the systems that need this one (S0-13). */
  readonly dependants?: readonly string[] | undefined;
  /** Names of the documents that a phone can run here; empty or absent where none is deployed. */
  readonly consoleDocuments?: readonly string[] | undefined;
  /** What helps whoever is asked to do something; read only for such steps. */
  readonly background?: Background | undefined;
}

/** What a message about a deploy is written from. */
export interface DeployMessageFacts {
  readonly deployment: Deployment;
  /** What happened now. */
  readonly kind: DeploymentKind;
  readonly findings: readonly Finding[];
  readonly openIncidents: readonly Incident[];
  readonly now: Timestamp;
  readonly system?: System | undefined;
}

/** What a message about an event that could not be read is written from. */
export interface DeadLetterMessageFacts {
  readonly scope: Scope;
  readonly deadLetter: { readonly id: string; readonly at: Timestamp; readonly reason: string; readonly sizeBytes: number };
  readonly now: Timestamp;
}

/** All texts of one notification; masked and cut to length. */
export interface ComposedMessage {
  /** At most 100 characters. */
  readonly subject: string;
  readonly text: string;
  /** At most 160 characters of the SMS alphabet, also with the mark of a repeat before it. */
  readonly sms: string;
  /** The same facts for programs; grows only by new properties. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly system?: string;
}
