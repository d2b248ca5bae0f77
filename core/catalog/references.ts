import { type CatalogDocument, type DocumentKind, isReferenced, type ReadDocument } from './documents.ts';
import { nearest } from './nearest.ts';
import type { CatalogProblem, Complaint } from './problem.ts';

/*
 * What one document says about another. Names of documents that break the schema count too, so that one mistake is not
 * reported again as a broken reference to it.
 */

function namesOf(documents: readonly ReadDocument[], kind: DocumentKind): readonly string[] {
  return documents.filter((document) => document.kind === kind).flatMap(({ name }) => name ?? []);
}

function duplicateNames(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const first = new Map<string, CatalogProblem>();
  return documents.flatMap(({ kind, name, locate }) => {
    if (name === undefined) return [];
    const id = `${kind} ${name}`;
    const here = locate({ path: ['metadata', 'name'], message: '', fix: 'Rename one of them, or remove it.' });
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, here);
      return [];
    }
    return [{ ...here, message: `a ${kind} named "${name}" exists already in ${earlier.file}, line ${earlier.line}` }];
  });
}

/** Two policies for one system would leave open which of them holds. */
function doublePolicies(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const policyOf = new Map<string, string>();
  return documents.flatMap(({ value, locate }) => {
    if (value?.kind !== 'RemediationPolicy') return [];
    const { system } = value.spec;
    const earlier = policyOf.get(system);
    policyOf.set(system, earlier ?? value.metadata.name);
    if (earlier === undefined || earlier === value.metadata.name) return [];
    return [
      locate({ path: ['spec', 'system'], message: `the system "${system}" has a policy already: "${earlier}"`, fix: 'Merge the two policies into one.' }),
    ];
  });
}

function unknownSystem(path: readonly PropertyKey[], wanted: string, systems: readonly string[]): Complaint {
  const meant = nearest(wanted, systems);
  const known = systems.slice(0, 10).join(', ');
  const others = known === '' ? 'Add a document of kind System with that name.' : `Add a System of that name, or write one of: ${known}.`;
  return { path, message: `there is no System named "${wanted}"`, fix: meant === undefined ? others : `Did you mean "${meant}"?` };
}

function referencesOf(document: CatalogDocument): readonly { readonly path: readonly PropertyKey[]; readonly to: string }[] {
  if (isReferenced(document)) return [];
  switch (document.kind) {
    case 'System':
      return document.spec.links.map(({ to }, index) => ({ path: ['spec', 'links', index, 'to'], to }));
    case 'RemediationPolicy':
      return [{ path: ['spec', 'system'], to: document.spec.system }];
    case 'SLO':
      return [{ path: ['spec', 'service'], to: document.spec.service }];
    case 'Service':
      return [{ path: ['metadata', 'name'], to: document.metadata.name }];
    case 'MaintenanceWindow':
    case 'EscalationPolicy':
      return document.spec.systems.map((to, index) => ({ path: ['spec', 'systems', index], to }));
    case 'NotificationRoute':
      return [];
  }
}

function brokenReferences({ value, locate }: ReadDocument, systems: readonly string[]): readonly CatalogProblem[] {
  if (value === undefined) return [];
  return referencesOf(value).flatMap(({ path, to }) => {
    if (value.kind === 'System' && to === value.metadata.name) {
      return [locate({ path, message: 'a system can not be linked to itself', fix: 'Remove the link, or name the system that this one needs.' })];
    }
    return systems.includes(to) ? [] : [locate(unknownSystem(path, to, systems))];
  });
}

/** Two escalations for one system, or two for all others, would leave open which of them holds. */
function doubleEscalations(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const taken = new Map<string, string>();
  return documents.flatMap(({ value, locate }) => {
    if (value?.kind !== 'EscalationPolicy') return [];
    const { systems } = value.spec;
    const names = systems.length === 0 ? ['every other system'] : systems.map((system) => `the system "${system}"`);
    return names.flatMap((system) => {
      const earlier = taken.get(system);
      taken.set(system, earlier ?? value.metadata.name);
      if (earlier === undefined) return [];
      return [
        locate({ path: ['spec', 'systems'], message: `${system} has an EscalationPolicy already: "${earlier}"`, fix: 'Name each system in one of them only.' }),
      ];
    });
  });
}

/** All mistakes that only show between documents. */
export function checkReferences(documents: readonly ReadDocument[]): readonly CatalogProblem[] {
  const systems = namesOf(documents, 'System');
  return [
    ...duplicateNames(documents),
    ...doublePolicies(documents),
    ...doubleEscalations(documents),
    ...documents.flatMap((document) => brokenReferences(document, systems)),
  ];
}
