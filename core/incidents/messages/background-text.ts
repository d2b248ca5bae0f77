import type { Scope } from '../../environment/ports.ts';
import type { EvidenceRecord } from '../../remediation/evidence/evidence.ts';
import type { Background } from './background.ts';
import { perennial } from './commands.ts';
import { plain } from './message-text.ts';
import { changeText } from './recent-changes.ts';
import { similarText } from './similar.ts';

const MAX_ITEMS = 3;
const MAX_LINES = 3;
const MAX_LINE_CHARACTERS = 160;

/** The background as lines of a message, each part under its heading; nothing without one. */
export function backgroundLines(
  background: Background | undefined,
  incident: Scope & { readonly id: string; readonly system?: string | undefined },
): readonly string[] {
  if (background === undefined) return [];
  return [...changeLines(background, incident.system), ...similarLines(background), ...evidenceLines(background.evidence, incident)];
}

function changeLines({ changes, linked }: Background, system: string | undefined): readonly string[] {
  if (system === undefined) return [];
  const where = linked.length === 0 ? system : `${system} and what it needs (${linked.join(', ')})`;
  return [
    '',
    `Changed in the 24 h before, in ${plain(where, 200)}:`,
    ...(changes.length === 0 ? ['  nothing that is recorded'] : changes.map((change) => `  ${changeText(change)}`)),
  ];
}

function similarLines({ similar }: Background): readonly string[] {
  return ['', 'Like it before:', ...(similar.length === 0 ? ['  no earlier incident is similar'] : similar.map((incident) => `  ${similarText(incident)}`))];
}

function evidenceLines(evidence: EvidenceRecord | undefined, incident: Scope & { readonly id: string }): readonly string[] {
  if (evidence === undefined) return [];
  const { instanceId, items, snapshotIds } = evidence;
  return [
    '',
    `Evidence kept of ${instanceId}${items.length === 0 ? '' : `: ${items.map(({ name }) => plain(name, 60)).join(', ')}`}${snapshotIds.length === 0 ? '' : `; snapshots ${snapshotIds.join(', ')}`}`,
    ...items.slice(0, MAX_ITEMS).flatMap(({ name, text }) => [`  ${plain(name, 60)}:`, ...telling(name, text).map((line) => `    | ${line}`)]),
    `  All of it: ${perennial(`incidents ${incident.id}`, incident)}`,
  ];
}

/** What a log says last tells most; of a tool it is what it says first. Masked again: it was kept by whatever version. */
function telling(name: string, text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const isLog = name.startsWith('/') || name === 'console output';
  return (isLog ? lines.slice(-MAX_LINES) : lines.slice(0, MAX_LINES)).map((line) => plain(line, MAX_LINE_CHARACTERS));
}

/** The same for programs. */
export function backgroundData(background: Background | undefined): Record<string, unknown> {
  if (background === undefined) return {};
  const { changes, similar, evidence } = background;
  return {
    recentChanges: changes,
    similarIncidents: similar,
    ...(evidence === undefined
      ? {}
      : {
          evidence: {
            instanceId: evidence.instanceId,
            collectedAt: evidence.collectedAt,
            items: evidence.items.map(({ name }) => plain(name, 60)),
            snapshotIds: evidence.snapshotIds,
          },
        }),
  };
}
