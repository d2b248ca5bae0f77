import type { CompiledCatalog, System } from '../../catalog/schema.ts';
import { present } from '../../environment/present.ts';
import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import { dependantsOf, routesFor, upstreamAudience } from './audience.ts';
import { perennial } from '../messages/commands.ts';
import { addTimelineEvent, type IncidentPorts } from '../incidents.ts';
import type { ComposedMessage } from '../messages/message-facts.ts';
import { clockText, momentText, plain, smsText, subjectText } from '../messages/message-text.ts';
import { notify, type NotifyPorts } from '../notify.ts';
import { type Incident, type NotificationStep, notificationType } from '../record.ts';

/** The steps that say that no machine repairs it, so that neighbours will notice. */
const unrepaired: readonly NotificationStep[] = ['needs-person', 'would-have'];

export type UpstreamCatalog = Pick<CompiledCatalog, 'systems'> & Partial<Pick<CompiledCatalog, 'routes'>>;

/**
 * Tells the owners of the systems that need the failing one: once that it fails and nobody repairs it automatically, once that it is over
 * (S4-40). Who was not told of the trouble is not told of its end.
 */
export async function tellUpstream(ports: IncidentPorts & NotifyPorts, catalog: UpstreamCatalog, incident: Incident, step: NotificationStep): Promise<void> {
  const dependants = dependantsOf(incident.system, catalog.systems);
  if (dependants.length === 0) return;
  const id = `${incident.id}:upstream`;
  const isLoud = incident.severity === 'critical' || incident.severity === 'high';
  if (isLoud && unrepaired.includes(step)) await tell(ports, { catalog, incident, dependants, id, isOver: false });
  if (step !== 'recovered') return;
  const told = await readRecord(ports.store, notificationType, keys.notification(ports.scope, id));
  if (told !== undefined) await tell(ports, { catalog, incident, dependants, id: `${id}:recovered`, isOver: true });
}

interface Notice {
  readonly catalog: UpstreamCatalog;
  readonly incident: Incident;
  readonly dependants: readonly System[];
  readonly id: string;
  readonly isOver: boolean;
}

async function tell(ports: IncidentPorts & NotifyPorts, { catalog, incident, dependants, id, isOver }: Notice): Promise<void> {
  const { systems, routes } = catalog;
  const roles = upstreamAudience(dependants);
  if (routes !== undefined && routesFor(roles, incident.severity, { systems, routes }).length === 0) {
    const owners = [...new Set(dependants.map(({ spec }) => spec.owners.owner))].slice(0, MAX_NAMED).join(', ');
    const text = `The owners of dependent systems were not told: the catalog has no NotificationRoute for ${owners} or the role upstream`;
    await addTimelineEvent(ports, incident.id, { at: ports.clock.now(), eventId: `${id}:nobody`, kind: 'decision', text: plain(text) });
    return;
  }
  const names = dependants.map(({ metadata }) => metadata.name);
  const message = composeUpstreamMessage({ incident, names, isOver, now: ports.clock.now(), scope: ports.scope });
  await notify(ports, { id, step: 'upstream', severity: incident.severity, incidentId: incident.id, roles, message });
}

const MAX_NAMED = 20;

interface UpstreamFacts {
  readonly incident: Incident;
  /** Of the dependent systems. */
  readonly names: readonly string[];
  readonly isOver: boolean;
  readonly now: Timestamp;
  readonly scope: Scope;
}

/** Pure: what a neighbour needs to know, and no more. */
export function composeUpstreamMessage({ incident, names, isOver, now, scope }: UpstreamFacts): ComposedMessage {
  const { id, system = '', severity, owner, title, openedAt, resolvedAt } = incident;
  const head = isOver ? `upstream incident over: ${system} works again` : `upstream incident: ${system} has failed`;
  const yours = names.slice(0, MAX_NAMED).join(', ');
  return {
    subject: subjectText(`[${severity}] ${head} (${scope.region})`),
    text: [
      `${head.charAt(0).toUpperCase()}${head.slice(1)}.`,
      '',
      `Yours: ${yours}${names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : ''}, which the catalog says need ${system}.`,
      `What: ${plain(title)}`,
      `Where: account ${scope.accountId}, Region ${scope.region}`,
      `Since: ${momentText(openedAt)}${resolvedAt === undefined ? '' : `; over at ${clockText(resolvedAt)}`}`,
      `Who works on it: ${plain(owner)}. ${isOver ? 'Check that yours works again.' : 'You need not; errors of yours may come from it.'}`,
      `Incident: ${id}`,
      '',
      'To look closer:',
      `  ${perennial(`incidents ${id}`, scope)}`,
    ].join('\n'),
    sms: smsText([head, `Owner ${plain(owner, 40)}`, id]),
    data: {
      schemaVersion: 1,
      step: 'upstream',
      incidentId: id,
      accountId: scope.accountId,
      region: scope.region,
      severity,
      state: isOver ? 'over' : 'open',
      title: plain(title),
      owner: plain(owner),
      dependants: names.slice(0, 100),
      openedAt,
      composedAt: now,
      ...present({ resolvedAt }),
    },
    ...(system === '' ? {} : { system }),
  };
}
