import { dirname, join } from 'node:path';
import { devfdShim, enterBinary, isolateBinary } from '../../isolate/index.ts';
import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import { hasNoncharacter } from '../base/noncharacters.ts';
import { resolveUser } from '../oci/index.ts';
import type { KeptConfig } from '../rootfs/image-meta.ts';
import { readOsRelease } from '../rootfs/inspect.ts';
import { shellCommand } from '../system/exec/shell-command.ts';
import {
  ensureDirIn,
  existsIn,
  isProgramIn,
  kindInNoFollow,
  readFileIn,
  symlinkIn,
  writeFileIn,
} from '../system/fs/beneath.ts';
import { plainPathIn } from '../system/fs/plain-path.ts';
import { commandWords } from './command.ts';
import { declaredPorts, declaredVolumes, workingDirectory } from './declared.ts';
import { environmentText } from './environment.ts';
import { placeDirectory, placeFile, placeMountPoints } from './image-tree.ts';
import { parseStopSignal } from './stop-signal.ts';
import {
  isolateDirectory,
  isolateName,
  shimPath,
  workloadUnitName,
  workloadUnitText,
  wrapperPath,
} from './unit.ts';

/** An application whose files lie at `/oci/apps/<name>/root` of a rootfs. */
export interface PlacedImage {
  /** An object name. */
  readonly name: string;
  /** The image, for people. */
  readonly reference: string;
  readonly config: KeptConfig;
}

/** Large enough for any real passwd(5); a larger one is refused rather than read. */
const maxAccountBytes = 4 * 1024 * 1024;
const shell = 'bin/sh';

/** The machine's architecture as `isolate/` names it. @throws SdmeError `system.unsupported` */
function architecture(): 'x86-64' | 'aarch64' {
  if (process.arch === 'x64') return 'x86-64';
  if (process.arch === 'arm64') return 'aarch64';
  throw new SdmeError(
    'system.unsupported',
    `OCI applications cannot run on ${process.arch}; use x86-64 or aarch64`,
  );
}

function accountText(root: string, path: string): string {
  return readFileIn(root, path, maxAccountBytes)?.toString('utf8') ?? '';
}

/** The directories that every application's root has (contract 3.5). Never leaves `root`. */
function furnish(root: string): void {
  for (const [path, mode] of [
    ['tmp', 0o1777],
    ['run', 0o755],
    ['var/run', 0o755],
    ['var/tmp', 0o1777],
    ['dev', 0o755],
    ['proc', 0o555],
    ['sys', 0o555],
    ['usr/sbin', 0o755],
    ['usr/lib', 0o755],
  ] as const) {
    placeDirectory(root, path, { mode });
  }
}

/** Directories that systemd covers with mounts of its own, so that no program lies there for long. */
const covered = /^\/(?:proc|sys|dev|run)(?:\/|$)/;

/**
 * The programs of ours in an application's root, and beside it those that no workload can write to: a copy of `isolate`
 * and `enter`.
 * @returns the directory of the root that `isolate` is in, over no link
 * @throws SdmeError `input.invalid`
 */
function placePrograms(tree: string, name: string): string {
  const root = join(tree, 'oci/apps', name, 'root');
  const isolate = Buffer.from(isolateBinary(architecture()));
  // Images of several distributions have a link there.
  const directory = `/${plainPathIn(root, isolateDirectory)}`;
  if (!/^(?:\/[A-Za-z0-9_.+-]+)+$/.test(directory) || covered.test(directory))
    throw new SdmeError(
      'input.invalid',
      `the image's ${isolateDirectory} leads to ${JSON.stringify(directory.slice(0, 100))}, where no program can be put`,
    );
  writeFileIn(tree, `oci/apps/${name}/isolate`, isolate, { mode: 0o111 });
  writeFileIn(tree, `oci/apps/${name}/enter`, Buffer.from(enterBinary(architecture())), { mode: 0o111 });
  placeFile(root, join(directory, isolateName), isolate, 0o111);
  placeFile(root, shimPath, Buffer.from(devfdShim(architecture())), 0o555);
  return directory;
}

/**
 * The command as the unit gives it: one with a line break or a noncharacter goes by way of a script, where the
 * application has a shell; without one the unit holds the line break as an escape.
 *
 * @throws SdmeError `input.invalid` for a noncharacter where there is no shell
 */
function unitCommand(root: string, words: readonly string[]): readonly string[] {
  const unfit = words.some(hasNoncharacter);
  if (!unfit && !words.some((word) => word.includes('\n'))) return words;
  if (!existsIn(root, shell)) {
    if (!unfit) return words;
    throw new SdmeError(
      'input.invalid',
      'the OCI command has a code point that is no character, which systemd takes from a script only, and the image has no /bin/sh',
    );
  }
  placeFile(root, wrapperPath, `#!/bin/sh\nexec ${shellCommand(words)}\n`, 0o755);
  return [`/${shell}`, wrapperPath];
}

/** The unit and its activation, in the base's tree. NixOS owns /etc/systemd/system. */
function writeUnit(tree: string, name: string, text: string): void {
  const isNixos = readOsRelease(tree).get('ID') === 'nixos';
  const directory = isNixos ? 'etc/systemd/system.control' : 'etc/systemd/system';
  const unit = workloadUnitName(name);
  ensureDirIn(tree, `${directory}/multi-user.target.wants`);
  writeFileIn(tree, `${directory}/${unit}`, text);
  symlinkIn(tree, `${directory}/multi-user.target.wants/${unit}`, `../${unit}`);
}

/** `env`, `ports` and `volumes` beside the application's root; each only when there is something in it. */
function writeDescriptions(
  tree: string,
  name: string,
  environment: string,
  ports: readonly string[],
  volumes: readonly string[],
): void {
  const lines = (values: readonly string[]): string => values.map((value) => `${value}\n`).join('');
  for (const { file, text, mode } of [
    { file: 'env', text: environment, mode: 0o600 },
    { file: 'ports', text: lines(ports), mode: 0o644 },
    { file: 'volumes', text: lines(volumes), mode: 0o644 },
  ]) {
    if (text !== '') writeFileIn(tree, `oci/apps/${name}/${file}`, text, { mode });
  }
}

/**
 * Makes a service of an application that was unpacked at `/oci/apps/<name>/root` of `tree` (contract 3.5): unit,
 * environment, ports, volumes, the isolating program. `oci/apps/<name>/root` must be real directories of the tree.
 * Everything else is reached without leaving the application's root or the tree, wherever links in them point.
 *
 * @throws SdmeError `input.invalid` for a configuration that cannot run, `syscall`, `io`, `disk.full`
 */
export function placeApplication(ctx: Pick<Context, 'log'>, tree: string, image: PlacedImage): void {
  const { name, config } = image;
  const root = join(tree, 'oci/apps', name, 'root');
  const words = commandWords(config, (path) => isProgramIn(root, path));
  const environment = environmentText(config.env);
  const user = resolveUser(config.user, {
    passwd: () => accountText(root, 'etc/passwd'),
    group: () => accountText(root, 'etc/group'),
  });
  const directory = workingDirectory(config.workingDir);
  const stopSignal = parseStopSignal(config.stopSignal);
  if (config.stopSignal !== '' && stopSignal === undefined) {
    ctx.log.warn(`ignoring the image's stop signal ${JSON.stringify(config.stopSignal.slice(0, 100))}`);
  }
  furnish(root);
  const programs = placePrograms(tree, name);
  placeDirectory(root, directory);
  const ports = declaredPorts(config.exposedPorts);
  const volumes = declaredVolumes(config.volumes, {
    kindOf: (path) => kindInNoFollow(root, path),
    needed: [programs, `/${plainPathIn(root, dirname(shimPath))}`],
  });
  for (const note of [...ports.notes, ...volumes.notes]) ctx.log.warn(note);
  placeMountPoints(root, volumes.values, user);
  writeDescriptions(tree, name, environment, ports.values, volumes.values);
  const command = unitCommand(root, words);
  writeUnit(
    tree,
    name,
    workloadUnitText({
      name,
      reference: image.reference,
      user,
      programs,
      workingDirectory: directory,
      command,
      stopSignal,
    }),
  );
}
