import { createHash } from 'node:crypto';
import type { Layout } from '../base/paths.ts';
import { settingsSchema } from '../config/schema.ts';
import { embeddedServerArguments } from './embedded.ts';

/** A unit file: its name and text. */
export interface UnitFile {
  readonly name: string;
  readonly text: string;
}

/** The two units of one embedded queue. */
export interface EmbeddedUnits {
  readonly queue: UnitFile;
  readonly worker: UnitFile;
}

/** What the units run. */
export interface EmbeddedUnitOptions {
  readonly layout: Layout;
  /** Path of redis-server or valkey-server. */
  readonly server: string;
  /** Program and arguments of the worker. */
  readonly worker: readonly string[];
  /** The worker's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Seconds the worker gets after SIGTERM. */
  readonly stopSeconds: number;
}

/**
 * `''` for the default directories, else `-` and ten hex digits of theirs, so that a second data directory on
 * the same machine gets units of its own.
 */
export function unitSuffix(layout: Pick<Layout, 'dataDir' | 'runtimeDir'>): string {
  const defaults = settingsSchema.parse({});
  if (layout.dataDir === defaults.datadir && layout.runtimeDir === defaults.rundir) return '';
  const hash = createHash('sha256').update(`${layout.dataDir}\0${layout.runtimeDir}`).digest('hex');
  return `-${hash.slice(0, 10)}`;
}

/** Names of the units of a layout. */
export function embeddedUnitNames(layout: Pick<Layout, 'dataDir' | 'runtimeDir'>): {
  queue: string;
  worker: string;
} {
  const suffix = unitSuffix(layout);
  return { queue: `sdme-queue${suffix}.service`, worker: `sdme-worker${suffix}.service` };
}

const startLimits = ['StartLimitIntervalSec=60', 'StartLimitBurst=60'] as const;

/**
 * Texts of the units. Starting the worker's starts the server's, which ends when the worker has ended
 * (StopWhenUnneeded=). The worker wants the server and does not require it: with Requires= the start of a server
 * that has died would first stop the worker, with all it runs (systemd.unit(5)). The server needs neither network
 * nor capabilities. Start limits are wide, as a job that kills its worker is failed by the worker after a stated
 * number of crashes, and the queue must go on.
 */
export function embeddedUnits(options: EmbeddedUnitOptions): EmbeddedUnits {
  const names = embeddedUnitNames(options.layout);
  const queue = unitText([
    [
      'Unit',
      [
        `Description=Job queue of sdme (${specifierSafe(options.layout.dataDir)})`,
        'StopWhenUnneeded=yes',
        ...startLimits,
      ],
    ],
    [
      'Service',
      [
        'Type=exec',
        `ExecStart=${commandLine([options.server, ...embeddedServerArguments(options.layout)])}`,
        'Restart=always',
        'RestartSec=100ms',
        'TimeoutStopSec=15s',
        'UMask=0077',
        'NoNewPrivileges=yes',
        'CapabilityBoundingSet=',
        'PrivateNetwork=yes',
        'RestrictAddressFamilies=AF_UNIX',
        'LimitNOFILE=10240',
      ],
    ],
  ]);
  const worker = unitText([
    [
      'Unit',
      [
        `Description=Worker of sdme (${specifierSafe(options.layout.dataDir)})`,
        `Wants=${names.queue}`,
        `After=${names.queue}`,
        ...startLimits,
      ],
    ],
    [
      'Service',
      [
        'Type=exec',
        ...Object.entries(options.environment).map(
          ([name, value]) => `Environment=${quoted(specifierSafe(`${name}=${value}`))}`,
        ),
        `ExecStart=${commandLine(options.worker)}`,
        'Restart=on-failure',
        'RestartSec=500ms',
        'KillMode=mixed',
        `TimeoutStopSec=${options.stopSeconds}s`,
        'TasksMax=infinity',
        'LimitNOFILE=65536',
      ],
    ],
  ]);
  return { queue: { name: names.queue, text: queue }, worker: { name: names.worker, text: worker } };
}

function unitText(sections: readonly (readonly [string, readonly string[]])[]): string {
  return sections.map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`).join('\n');
}

/** `%` begins a specifier everywhere in a unit (systemd.unit(5) "Specifiers"). */
function specifierSafe(text: string): string {
  return text.replaceAll('%', '%%');
}

/** One word in double quotes with C-style escapes (systemd.syntax(7) "Quoting"). */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** A command line; `$` would begin a variable (systemd.service(5) "Command lines"). */
function commandLine(words: readonly string[]): string {
  return words.map((word) => quoted(specifierSafe(word).replaceAll('$', '$$$$'))).join(' ');
}
