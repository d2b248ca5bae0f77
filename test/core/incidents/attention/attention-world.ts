import { routeSchema, type NotificationRoute, windowSchema } from '../../../../core/catalog/schema.ts';
import type { AttentionCatalog } from '../../../../core/incidents/attention/facts.ts';
import { notify, type NotificationDraft, type NotifyResult, sendDue } from '../../../../core/incidents/notify.ts';
import { type Incident, incidentType, type Notification, notificationType, type NotificationStep } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { createWorld, incidentOf, scope, shopWeb } from '../world.ts';

export function routeOf(change: Partial<NotificationRoute['spec']> = {}, name = 'operators'): NotificationRoute {
  return routeSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'NotificationRoute',
    metadata: { name },
    spec: { role: 'operators', severities: ['critical', 'high', 'warning'], to: [{ email: 'ops@example.com' }], ...change },
  });
}

export const windowOf = (systems: readonly string[], schedule: string, durationMinutes: number) =>
  windowSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'MaintenanceWindow',
    metadata: { name: 'patching' },
    spec: { systems: [...systems], schedule, durationMinutes, author: 'kim' },
  });

/** `shop-web` needs `shop-db`; `mail` needs nothing. */
export const systems = [
  shopWeb,
  { ...shopWeb, metadata: { name: 'shop-db', labels: {} }, spec: { ...shopWeb.spec, links: [] } },
  { ...shopWeb, metadata: { name: 'mail', labels: {} }, spec: { ...shopWeb.spec, links: [] } },
];

function draftOf(incident: Incident, step: NotificationStep, id = `${incident.id}:${step}`): NotificationDraft {
  return {
    id,
    step,
    severity: incident.severity,
    incidentId: incident.id,
    message: {
      subject: `${incident.system ?? 'unknown'}: ${step}`,
      text: `${step} of ${incident.id}`,
      sms: `${step} ${incident.id}`,
      data: { step, incidentId: incident.id },
      ...(incident.system === undefined ? {} : { system: incident.system }),
    },
  };
}

export function attentionWorld(given: Partial<AttentionCatalog> = {}) {
  const world = createWorld();
  const catalog: AttentionCatalog = { systems, routes: [routeOf()], ...given };
  const ports = { ...world.ports, catalog: async () => catalog };
  const change = async (id: string, changes: Partial<Incident>): Promise<void> => {
    await updateRecord(world.memory, incidentType, keys.incident(scope, id), (body) => (body === undefined ? body : { ...body, ...changes }));
  };
  return {
    ...world,
    ports,
    change,
    /** Puts an incident there, without telling anybody. */
    open: async (id: string, changes: Partial<Incident> = {}): Promise<Incident> => {
      const incident = incidentOf({ id, place: id, openedAt: world.clock.now(), severity: 'warning', ...changes });
      await createRecord(world.memory, incidentType, keys.incident(scope, id), incident);
      return incident;
    },
    tell: (incident: Incident, step: NotificationStep = 'detected', id?: string): Promise<NotifyResult> => notify(ports, draftOf(incident, step, id)),
    /** Over, and people are told so. */
    end: async (incident: Incident): Promise<NotifyResult> => {
      await change(incident.id, { state: 'resolved', resolvedAt: world.clock.now() });
      return notify(ports, draftOf(incident, 'recovered', `${incident.id}:resolved`));
    },
    /** So many minutes pass, with the desk's look at each. */
    minutes: async (count: number): Promise<void> => {
      for (let minute = 0; minute < count; minute += 1) {
        world.clock.advance(60);
        await sendDue(ports);
      }
    },
    stored: async (id: string): Promise<Notification | undefined> => (await readRecord(world.memory, notificationType, keys.notification(scope, id)))?.body,
    /** `<id> <channels>`, in the order of delivery. */
    delivered: (): readonly string[] => world.publisher.delivered.map(({ notificationId, channels }) => `${notificationId} ${channels.join('+')}`),
    /** What mail and phones got. */
    toPeople: (): readonly string[] =>
      world.publisher.delivered
        .filter(({ channels }) => channels.includes('email') || channels.includes('sms'))
        .map(({ notificationId, isRepeat }) => `${notificationId}${isRepeat ? ' (repeat)' : ''}`),
  };
}

export type AttentionWorld = ReturnType<typeof attentionWorld>;
