import { type NotificationRoute, routeSchema } from '../../../core/catalog/schema.ts';

/** A route for critical and high with one mail address, unless it is changed. */
export function routeOf(name: string, role: string, change: Record<string, unknown> = {}): NotificationRoute {
  return routeSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'NotificationRoute',
    metadata: { name },
    spec: { role, severities: ['critical', 'high'], to: [{ email: `${name}@example.com` }], ...change },
  });
}
