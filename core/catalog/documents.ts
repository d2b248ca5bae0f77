import { LineCounter, parseAllDocuments } from 'yaml';
import type { Document } from 'yaml';
import * as z from 'zod/mini';
import { explainIssue } from './issues.ts';
import { nearest } from './nearest.ts';
import { serviceLevelObjectiveSchema, serviceSchema } from './openslo/openslo.ts';
import type { Service, ServiceLevelObjective } from './openslo/openslo.ts';
import { alertConditionSchema, alertPolicySchema, alertTargetSchema } from './openslo/openslo-alerts.ts';
import type { AlertCondition, AlertNotificationTarget, AlertPolicy } from './openslo/openslo-alerts.ts';
import { dataSourceSchema, indicatorDocumentSchema } from './openslo/openslo-indicator.ts';
import type { DataSource, IndicatorDocument } from './openslo/openslo-indicator.ts';
import { openSloApiVersion } from './openslo/openslo-parts.ts';
import { positionAt, positionOf } from './positions.ts';
import type { CatalogProblem, Complaint } from './problem.ts';
import { escalationPolicySchema, perennialApiVersion, policySchema, routeSchema, systemSchema, windowSchema } from './schema.ts';
import type { EscalationPolicy, MaintenanceWindow, NotificationRoute, RemediationPolicy, System } from './schema.ts';

export interface CatalogFile {
  /** As people name it, for example `ops/shop.yaml`. */
  readonly path: string;
  readonly text: string;
}

export const catalogLimits = { files: 500, charactersPerFile: 1024 * 1024, documentsPerFile: 500, aliasesPerDocument: 100, depth: 40, problems: 200 } as const;

export const documentKinds = [
  'System',
  'RemediationPolicy',
  'NotificationRoute',
  'MaintenanceWindow',
  'EscalationPolicy',
  'SLO',
  'Service',
  'SLI',
  'DataSource',
  'AlertPolicy',
  'AlertCondition',
  'AlertNotificationTarget',
] as const;
export type DocumentKind = (typeof documentKinds)[number];

/** OpenSLO documents that others refer to; a published catalog holds what they say where it is used. */
type ReferencedDocument = IndicatorDocument | DataSource | AlertPolicy | AlertCondition | AlertNotificationTarget;

export type CatalogDocument =
  | System
  | RemediationPolicy
  | NotificationRoute
  | MaintenanceWindow
  | EscalationPolicy
  | ServiceLevelObjective
  | Service
  | ReferencedDocument;

/** Whether it is there only for other documents to refer to. */
export function isReferenced(document: CatalogDocument): document is ReferencedDocument {
  return document.apiVersion === openSloApiVersion && document.kind !== 'SLO' && document.kind !== 'Service';
}

const apiVersionOfKind = {
  System: perennialApiVersion,
  RemediationPolicy: perennialApiVersion,
  NotificationRoute: perennialApiVersion,
  MaintenanceWindow: perennialApiVersion,
  EscalationPolicy: perennialApiVersion,
  SLO: openSloApiVersion,
  Service: openSloApiVersion,
  SLI: openSloApiVersion,
  DataSource: openSloApiVersion,
  AlertPolicy: openSloApiVersion,
  AlertCondition: openSloApiVersion,
  AlertNotificationTarget: openSloApiVersion,
} as const satisfies Record<DocumentKind, string>;

/** Kinds that readers of the design or of OpenSLO may expect, and why they are not taken. */
const refusedKinds: Readonly<Record<string, { readonly message: string; readonly fix: string }>> = {
  Job: { message: 'the kind Job is not accepted by this version of Perennial', fix: 'Remove the document.' },
  Check: { message: 'the kind Check is not accepted by this version of Perennial', fix: 'Remove the document; a CloudWatch alarm can trigger repairs today.' },
};

/** One document with its place; `value` is absent when it breaks the schema, `name` is what it calls itself anyway. */
export interface ReadDocument {
  readonly kind: DocumentKind;
  readonly name: string | undefined;
  readonly value: CatalogDocument | undefined;
  /** Gives a complaint about this document its file, line and column. */
  readonly locate: (complaint: Complaint) => CatalogProblem;
}

export interface ReadResult {
  readonly documents: readonly ReadDocument[];
  readonly problems: readonly CatalogProblem[];
}

const headSchema = z.looseObject({ apiVersion: z.optional(z.unknown()), kind: z.optional(z.unknown()), metadata: z.optional(z.unknown()) });
type Head = z.infer<typeof headSchema>;
const namedSchema = z.looseObject({ name: z.string() });

const schemaOfKind = {
  System: systemSchema,
  RemediationPolicy: policySchema,
  NotificationRoute: routeSchema,
  MaintenanceWindow: windowSchema,
  EscalationPolicy: escalationPolicySchema,
  SLO: serviceLevelObjectiveSchema,
  Service: serviceSchema,
  SLI: indicatorDocumentSchema,
  DataSource: dataSourceSchema,
  AlertPolicy: alertPolicySchema,
  AlertCondition: alertConditionSchema,
  AlertNotificationTarget: alertTargetSchema,
} as const satisfies Record<DocumentKind, z.ZodMiniType<CatalogDocument>>;

function locator(file: string, document: Document, lines: LineCounter): ReadDocument['locate'] {
  return ({ path, key, message, fix }) => ({
    file,
    ...positionOf(document, lines, path, key),
    path: z.core.toDotPath([...path, ...(key === undefined ? [] : [key])]),
    message,
    fix,
  });
}

/** Also true of a value that holds itself through an alias. */
function isTooDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((child) => isTooDeep(child, depth - 1));
}

const unresolvedAlias = {
  path: [],
  message: 'has an alias (*name) without an anchor (&name) before it',
  fix: 'Write the value out, or put a text that begins with "*" in quotes: "*-cpu".',
};

/** The plain value of a document, or why there is none. */
function plainValue(document: Document): { readonly value: unknown } | { readonly complaint: Complaint } {
  const tooMuch = {
    path: [],
    message: 'is nested too deeply, or its aliases (*name) stand for too much',
    fix: 'Write the values out instead of using aliases.',
  };
  try {
    const value: unknown = document.toJS({ maxAliasCount: catalogLimits.aliasesPerDocument });
    return isTooDeep(value, catalogLimits.depth) ? { complaint: tooMuch } : { value };
  } catch (error) {
    // yaml answers an excess of aliases and an unresolved alias with a ReferenceError; anything else is a bug.
    if (!(error instanceof ReferenceError)) throw error;
    return { complaint: error.message.startsWith('Unresolved alias') ? unresolvedAlias : tooMuch };
  }
}

function isDocumentKind(kind: unknown): kind is DocumentKind {
  return documentKinds.some((known) => known === kind);
}

function wrongKind(head: Head): Complaint {
  const known = documentKinds.join(', ');
  if (head.kind === undefined) return { path: [], message: '"kind" is missing', fix: `Add "kind:" with one of: ${known}.` };
  const kind = typeof head.kind === 'string' ? head.kind : '';
  const refused = Object.hasOwn(refusedKinds, kind) ? refusedKinds[kind] : undefined;
  if (refused !== undefined) return { path: ['kind'], ...refused };
  const meant = nearest(kind, documentKinds);
  return { path: ['kind'], message: `unknown kind "${kind}"`, fix: meant === undefined ? `Write one of: ${known}.` : `Did you mean "${meant}"?` };
}

/** A wrong apiVersion is said once and alone: the rest of the document may be of another version. */
function wrongVersion(head: Head, kind: DocumentKind): Complaint | undefined {
  const wanted = apiVersionOfKind[kind];
  if (head.apiVersion === wanted) return undefined;
  if (head.apiVersion === undefined) return { path: [], message: '"apiVersion" is missing', fix: `Add "apiVersion: ${wanted}".` };
  return { path: ['apiVersion'], message: `a document of kind ${kind} has the apiVersion ${wanted}`, fix: `Write "apiVersion: ${wanted}".` };
}

function readDocument(value: unknown, locate: ReadDocument['locate']): ReadResult {
  const head = headSchema.safeParse(value);
  if (!head.success || Array.isArray(value)) {
    return {
      documents: [],
      problems: [
        locate({
          path: [],
          message: 'a document must be a mapping (key: value)',
          fix: `Begin it with "apiVersion: ${perennialApiVersion}" and "kind: System"; separate documents with "---".`,
        }),
      ],
    };
  }
  const { kind } = head.data;
  if (!isDocumentKind(kind)) return { documents: [], problems: [locate(wrongKind(head.data))] };
  const named = namedSchema.safeParse(head.data.metadata);
  const name = named.success ? named.data.name : undefined;
  const version = wrongVersion(head.data, kind);
  if (version !== undefined) return { documents: [{ kind, name, value: undefined, locate }], problems: [locate(version)] };
  const schema: z.ZodMiniType<CatalogDocument> = schemaOfKind[kind];
  const parsed = schema.safeParse(value);
  if (parsed.success) return { documents: [{ kind, name, value: parsed.data, locate }], problems: [] };
  const problems = parsed.error.issues.flatMap((issue) => explainIssue(issue, value, schema)).map(locate);
  return { documents: [{ kind, name, value: undefined, locate }], problems };
}

function yamlProblems(file: string, document: Document, lines: LineCounter): readonly CatalogProblem[] {
  // An unknown tag is only a warning to the parser, but its value would not be what the author means.
  return [...document.errors, ...document.warnings].slice(0, 3).map((error) => ({
    file,
    ...positionAt(lines, error.pos[0]),
    path: '',
    message: `is not valid YAML: ${error.message}`,
    fix: error.code === 'DUPLICATE_KEY' ? 'Remove or rename the second key.' : 'Correct the indentation, the quotes or the brackets at this place.',
  }));
}

/** What a document that can not be read calls itself, so that references to it are not reported as broken too. */
function brokenDocument(document: Document, locate: ReadDocument['locate']): readonly ReadDocument[] {
  const kind = document.getIn(['kind']);
  const name = document.getIn(['metadata', 'name']);
  return isDocumentKind(kind) && typeof name === 'string' ? [{ kind, name, value: undefined, locate }] : [];
}

function wholeFileProblem(file: string, message: string, fix: string): CatalogProblem {
  return { file, line: 1, column: 1, path: '', message, fix };
}

/** All documents of one file. Never throws for what the file holds. */
export function readFile({ path: file, text }: CatalogFile): ReadResult {
  if (text.length > catalogLimits.charactersPerFile) {
    return { documents: [], problems: [wholeFileProblem(file, 'is larger than 1 MiB', 'Split it into several files.')] };
  }
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const documents: readonly Document[] = 'empty' in parsed ? [] : parsed;
  if (documents.length > catalogLimits.documentsPerFile) {
    return { documents: [], problems: [wholeFileProblem(file, `holds more than ${catalogLimits.documentsPerFile} documents`, 'Split it into several files.')] };
  }
  const results = documents.map((document): ReadResult => {
    const locate = locator(file, document, lines);
    const broken = yamlProblems(file, document, lines);
    if (broken.length > 0) return { documents: brokenDocument(document, locate), problems: broken };
    if (document.contents === null) return { documents: [], problems: [] };
    const plain = plainValue(document);
    return 'complaint' in plain ? { documents: brokenDocument(document, locate), problems: [locate(plain.complaint)] } : readDocument(plain.value, locate);
  });
  return { documents: results.flatMap((result) => result.documents), problems: results.flatMap((result) => result.problems) };
}
