import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { loadCatalog, type LoadedCatalog } from '../catalog-files/read-catalog.ts';
import type { CompiledCatalog } from '../core/catalog/schema.ts';
import { consoleDocuments } from '../core/incidents/messages/console-links.ts';
import { ConsoleStack } from './console-stack.ts';
import { MonitoringStack } from './monitoring-stack.ts';
import { PerennialStack } from './perennial-stack.ts';

const defaultDirectory = 'ops';

/**
 * The stacks, checked by cdk-nag. Context: `catalogDirectory`, `allowDirty`, `sweepMinutes`, `smallFleetPollMinutes`, `fleetEndpoint`,
 * `runbookUrl`, and `console` (`false` leaves out the console stack, the links to its documents, and the monitoring stack).
 */
export function createPerennialApp(props: AppProps = {}): App {
  const app = new App(props);
  const directory = textContext(app, 'catalogDirectory') ?? defaultDirectory;
  const isDirtyAllowed = String(app.node.tryGetContext('allowDirty')) === 'true';
  const catalog = publishable(directory, loadCatalog(directory), isDirtyAllowed);
  const hasConsole = String(app.node.tryGetContext('console')) !== 'false';
  const platform = new PerennialStack(app, 'Perennial', { catalog, consoleDocuments: hasConsole ? consoleDocuments : [] });
  if (hasConsole) new ConsoleStack(app, 'PerennialConsole', { table: platform.records.table });
  if (hasConsole) new MonitoringStack(app, 'PerennialMonitoring', { systems: catalog.systems, alarmsTopic: platform.alarmsTopic });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}

function textContext(app: App, name: string): string | undefined {
  const value: unknown = app.node.tryGetContext(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** What was deployed must be found again in git; only the local AWS may run something else. */
export function publishable(directory: string, loaded: LoadedCatalog, isDirtyAllowed: boolean): CompiledCatalog {
  const { catalog, errors, provenanceReason } = loaded;
  if (catalog === undefined) {
    const lines = errors.map(({ file, line, column, message, fix }) => `  ${file}:${line}:${column} ${message}. ${fix}`);
    throw new Error(`The catalog in ${directory} has ${errors.length} error(s), so nothing is deployed:\n${lines.join('\n')}`);
  }
  if (catalog.provenance.dirty && !isDirtyAllowed) {
    throw new Error(
      `The catalog in ${directory} is not what git knows (${provenanceReason}), so nothing is deployed. Commit it, or add -c allowDirty=true to deploy it all the same.`,
    );
  }
  return catalog;
}
