import type { System } from '../../catalog/schema.ts';
import type { Remediation } from '../../remediation/record.ts';
import { plain } from './message-text.ts';

export interface CardRow {
  readonly label: string;
  readonly value: string;
}

const UNKNOWN = 'unknown (not in the catalog)';

/** What one must know of a system to bring it back, with no visit to a console (S0-05). What is missing is said, never left out. */
export function inventoryCard(system: System, dependants: readonly string[] | undefined, remediation: Remediation | undefined): readonly CardRow[] {
  const { spec } = system;
  const rows: readonly (readonly [string, string])[] = [
    ['Purpose', spec.purpose],
    ['Environment', `${spec.environment}, ${spec.topology === 'single' ? 'a single machine' : 'multiple instances'}`],
    ['Network', networkText(spec.network)],
    ['OS', spec.os === undefined ? '' : joined([spec.os.name, spec.os.version])],
    ['Programs', spec.programs.map(({ kind, name, version }) => `${kind}: ${joined([name, version])}`).join('; ')],
    [
      'Software',
      spec.software
        .map(({ name, version, configVersion }) => `${name} ${version}${configVersion === undefined ? '' : ` (config ${configVersion})`}`)
        .join('; '),
    ],
    ['Linked systems', spec.links.map(({ to, kind }) => `${to} (${kind})`).join(', ') || 'none declared'],
    ...(dependants === undefined ? [] : [['Needed by', dependants.join(', ') || 'no other system declares it'] as const]),
    ['Golden image', imageText(system, remediation)],
    ['Monitoring', monitoringText(spec.monitoring)],
    ['Documentation', spec.documentation ?? ''],
  ];
  return rows.map(([label, value]) => ({ label, value: value === '' ? UNKNOWN : plain(value) }));
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

function networkText({ hostname, ip, subnets, gateway, dns }: System['spec']['network']): string {
  const parts: readonly (readonly [string, string | undefined])[] = [
    ['host', hostname],
    ['ip', ip],
    ['subnets', subnets.join(', ')],
    ['gateway', gateway],
    ['dns', dns?.join(', ')],
  ];
  return parts.flatMap(([label, value]) => (value === undefined || value === '' ? [] : [`${label} ${value}`])).join('; ');
}

function imageText({ spec }: System, remediation: Remediation | undefined): string {
  const chosen = remediation?.imageId === undefined ? '' : `; chosen for the repair: ${remediation.imageId}`;
  return `role ${spec.image.role}, approved id in the parameter /perennial/images/${spec.image.role}/approved${chosen}`;
}

function monitoringText(monitoring: System['spec']['monitoring']): string {
  const parts: readonly (readonly [string, string | undefined])[] = [
    ['metrics', monitoring?.metrics],
    ['security log', monitoring?.securityLog],
    ['app log', monitoring?.appLog],
  ];
  return parts.flatMap(([label, value]) => (value === undefined ? [] : [`${label} ${value}`])).join('; ');
}
