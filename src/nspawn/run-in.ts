import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { matchName } from '../base/names.ts';
import type { Layout } from '../base/paths.ts';
import type { Settings } from '../config/schema.ts';
import { runInteractive } from '../system/exec/interactive.ts';
import { run } from '../system/exec/run.ts';
import { standardTerminals } from '../system/exec/terminals.ts';
import { kindInNoFollow } from '../system/fs/beneath.ts';
import { connectBus } from '../system/systemd/bus.ts';
import { listMachineNames } from '../system/systemd/machines.ts';
import { chooseApplication, installedApplications, supervisorPid } from './application-process.ts';
import {
  applicationCommand,
  applicationLogsCommand,
  type Command,
  execCommand,
  joinCommand,
  joinUser,
  logsCommand,
  type Streams,
  signalCommand,
} from './exec-command.ts';
import { generateName } from './generate-name.ts';
import { ownMachine } from './own-machine.ts';
import { isHostRoot } from './record.ts';
import { listContainerNames, readRecord } from './state-file.ts';
import { unitName } from './template-unit.ts';

/** The container that a name or a unique beginning of one means. @throws SdmeError `not-found`, `input.invalid` */
export async function matchContainer(layout: Layout, wanted: string): Promise<string> {
  return matchName(wanted, await listContainerNames(layout));
}

/** A free name for a new container; avoids what exists in the store, in /var/lib/machines and in machined. */
export async function pickContainerName(layout: Layout): Promise<string> {
  await using bus = await connectBus();
  const [containers, images, machines] = await Promise.all([
    listContainerNames(layout),
    readdir('/var/lib/machines').catch((): string[] => []),
    listMachineNames(bus),
  ]);
  return generateName(
    new Set([...containers, ...images.map((image) => image.replace(/\.raw$/, '')), ...machines]),
  );
}

/** True when a container's machine is up. @throws SdmeError `not-found`, `dbus` */
export async function isRunning(layout: Layout, container: string): Promise<boolean> {
  await readRecord(layout, container);
  await using bus = await connectBus();
  return (await ownMachine(bus, container)) !== undefined;
}

async function requireRunning(layout: Layout, container: string, hint = ''): Promise<void> {
  if (await isRunning(layout, container)) return;
  throw new SdmeError('state.conflict', `container '${container}' is not running${hint}`, {
    facts: { container },
  });
}

/** What a person typed after a container's name, without the `--` that may stand before a command. */
function commandWords(words: readonly string[]): readonly string[] {
  return words[0] === '--' ? words.slice(1) : words;
}

/** systemd's programs would give our terminal a title and a background of theirs, in what is to be the command's output. */
const variables = { SYSTEMD_ADJUST_TERMINAL_TITLE: '0', SYSTEMD_TINT_BACKGROUND: '0' };
const signalTimeoutMs = 10_000;

/** Runs a command that hands nothing into a container. */
function runCommand({ program, args }: Command): Promise<number> {
  return runInteractive(program, args, { variables });
}

/**
 * Runs a command whose standard streams go into a container. None that is a terminal does: inside it could be kept and
 * read from after the command ended. Where all of them are, the command gets a terminal of its container's instead; else
 * what is to end us ends the command, as it would by itself had it a terminal.
 */
function runInside(
  container: string,
  commandOn: (streams: Streams) => Command,
  { onTerminal = false, signalled = 'all' }: { onTerminal?: boolean; signalled?: 'all' | 'main' } = {},
): Promise<number> {
  const { input, output, errors, inBackground } = standardTerminals();
  if (onTerminal || (input && output && errors && !inBackground)) return runCommand(commandOn('--pty'));
  const pipedUnit = `sdme-exec-${randomUUID()}.service`;
  const { program, args } = commandOn({ pipedUnit });
  const signalElsewhere = (signal: NodeJS.Signals): Promise<unknown> => {
    const kill = signalCommand(container, pipedUnit, signalled, signal);
    return run(kill.program, kill.args, { timeoutMs: signalTimeoutMs });
  };
  return runInteractive(program, args, { variables, keepTerminals: true, signalElsewhere });
}

/**
 * Runs a command in a container on our own standard streams; binary safe where they are no terminals. @returns the command's exit code
 * @throws SdmeError `not-found`, `state.conflict` when it does not run, `dbus`
 */
export async function execIn(
  layout: Layout,
  options: {
    readonly container: string;
    readonly user?: string | undefined;
    readonly command: readonly string[];
  },
): Promise<number> {
  await requireRunning(layout, options.container);
  const how = { ...options, command: commandWords(options.command) };
  return runInside(options.container, (streams) => execCommand(how, streams));
}

export interface JoinOptions {
  readonly container: string;
  readonly user?: string | undefined;
  /** Empty: the user's shell. */
  readonly command: readonly string[];
  /** We have a terminal; without one a command, or a shell that reads commands, runs as with `exec`. */
  readonly onTerminal: boolean;
  readonly environment: NodeJS.ProcessEnv;
}

/** The user a join would be done as; undefined for root. The caller tells the person. */
export async function chooseJoinUser(
  layout: Layout,
  settings: Pick<Settings, 'join_as_sudo_user'>,
  options: Pick<JoinOptions, 'container' | 'user' | 'environment'>,
): Promise<string | undefined> {
  const record = await readRecord(layout, options.container);
  return joinUser({
    wanted: options.user,
    isHostRoot: isHostRoot(record),
    joinAsSudoUser: settings.join_as_sudo_user,
    sudoUser: options.environment.SUDO_USER,
  });
}

/**
 * Opens a shell or runs a command in a container, on a terminal. @returns its exit code
 * @throws SdmeError `not-found`, `state.conflict` when it does not run, `dbus`
 */
export async function joinContainer(
  layout: Layout,
  settings: Pick<Settings, 'join_as_sudo_user'>,
  options: JoinOptions,
): Promise<number> {
  const { container } = options;
  const command = commandWords(options.command);
  await requireRunning(layout, container, ' (use --start to start it)');
  const user = await chooseJoinUser(layout, settings, options);
  if (!options.onTerminal) {
    const words = command.length > 0 ? command : ['/bin/sh'];
    return runInside(container, (streams) => execCommand({ container, user, command: words }, streams));
  }
  return runCommand(joinCommand({ container, user, command }));
}

/** Shows the journal of a container, running or not. @returns journalctl's exit code @throws SdmeError `not-found` */
export async function containerLogs(
  layout: Layout,
  container: string,
  args: readonly string[],
): Promise<number> {
  await readRecord(layout, container);
  return runCommand(logsCommand(unitName(container), args));
}

/** Which application: `true` for the only one there is, or its name. */
export type ApplicationChoice = true | string;

async function applicationOf(layout: Layout, container: string, choice: ApplicationChoice): Promise<string> {
  const record = await readRecord(layout, container);
  const installed = await installedApplications(layout, record);
  return chooseApplication(record, choice === true ? undefined : choice, () => installed);
}

/** Rootfs that an earlier sdme made have no program that enters an application. */
function requireEnter(layout: Layout, container: string, application: string): void {
  const merged = join(layout.containerDir(container), 'merged');
  if (kindInNoFollow(merged, `oci/apps/${application}/enter`) === 'file') return;
  throw new SdmeError(
    'state.conflict',
    `OCI application '${application}' in container '${container}' cannot be entered: it was imported by an older sdme; ` +
      'import its image again and create the container from that',
    { facts: { container, application } },
  );
}

/**
 * Runs a command beside an OCI application, seeing what the application sees. @returns the command's exit code
 * @throws SdmeError `not-found`, `state.conflict` when container or application do not run, `dbus`
 */
export async function execInApplication(
  layout: Layout,
  options: {
    readonly container: string;
    readonly application: ApplicationChoice;
    /** Empty: a shell. */
    readonly command: readonly string[];
    /** Gives it a terminal of its own, whatever our standard streams are. */
    readonly onTerminal: boolean;
  },
): Promise<number> {
  const { container, onTerminal } = options;
  await requireRunning(layout, container);
  const words = commandWords(options.command);
  const application = await applicationOf(layout, container, options.application);
  requireEnter(layout, container, application);
  const supervisor = await supervisorPid(container, application);
  const ownNetwork = (await readRecord(layout, container)).OCI_POD !== undefined;
  const command = words.length === 0 ? ['/bin/sh'] : words;
  const how = { container, application, supervisor, ownNetwork, command };
  return runInside(container, (streams) => applicationCommand(how, streams), {
    onTerminal,
    signalled: 'main',
  });
}

/** Shows the journal of an OCI application in a running container. @returns journalctl's exit code */
export async function applicationLogs(
  layout: Layout,
  container: string,
  choice: ApplicationChoice,
  args: readonly string[],
): Promise<number> {
  await requireRunning(layout, container);
  const application = await applicationOf(layout, container, choice);
  return runInside(container, (streams) => applicationLogsCommand(container, application, args, streams));
}
