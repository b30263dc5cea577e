import { z } from 'zod';
import { parseCpus, parseCpuWeight, parseDisk, parseMemory } from './container-limits.ts';
import {
  duplicateHostPort,
  parseEnv,
  parseInterfaceName,
  parseMaskedService,
  parseNewBind,
  parseOpaqueDirs,
  parsePort,
  parseRestartPolicy,
  parseSystemdLogLevel,
} from './container-options.ts';
import { defineContract, type LockRequest } from './contract.ts';
import { objectName } from './object-name.ts';
import { parsedText } from './parsed-text.ts';

const flag = z.boolean().default(false);
const most = 1000;
const texts = (what: string) =>
  z
    .array(z.string().min(1, `${what} cannot be empty`).max(4096))
    .max(most)
    .default([]);

/** Limits of a container as typed, e.g. memory `512M`, cpus `1.5`, cpuWeight `200` (contract 1.2). */
export const containerLimits = {
  memory: parsedText(parseMemory).optional(),
  cpus: parsedText(parseCpus).optional(),
  cpuWeight: parsedText(parseCpuWeight).optional(),
  /** For btrfs only; on overlay there is a warning and it is not stored. */
  disk: parsedText(parseDisk).optional(),
};

/** Seconds `start` waits for the container to come up; default: `boot_timeout` of the settings. */
export const bootTimeout = z.number().positive().max(86_400).optional();

/** With one more for the container itself they fill the ids that nspawn picks from. */
const mostNestedRanges = 28_663;
const nestedProblem = `--userns-nested must be 0-${mostNestedRanges}`;

const opaqueDirs = z
  .array(z.string().max(4096))
  .max(most)
  .superRefine((dirs, context) => {
    try {
      parseOpaqueDirs(dirs);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    }
  });

const input = z
  .strictObject({
    /** The container to make; producers pick one with `generateName` when the person gave none. */
    name: objectName,
    /** An imported rootfs; absent: a clone of the running host's root. */
    rootfs: objectName.optional(),
    ...containerLimits,
    storage: z
      .enum(['overlay', 'auto'], { error: 'unknown storage backend; use overlay or auto' })
      .optional(),
    /** Directories of the rootfs that the container sees empty; absent: none, or the settings' for host-root. */
    opaqueDirs: opaqueDirs.optional(),
    privateNetwork: flag,
    networkVeth: flag,
    networkBridge: parsedText((text) => parseInterfaceName('bridge', text)).optional(),
    networkZone: parsedText((text) => parseInterfaceName('zone', text)).optional(),
    /** `8080:80/tcp`, `tcp:8080:80`. */
    ports: z.array(parsedText(parsePort)).max(most).default([]),
    /** `/srv/www:/var/www:ro`. */
    binds: z.array(parsedText(parseNewBind)).max(most).default([]),
    /** `KEY=VALUE` for the container's PID 1. */
    envs: z.array(parsedText(parseEnv)).max(most).default([]),
    /** Security tier; what it stands for is worked out on the host (contract 1.3). */
    tier: z.enum(['default', 'hardened', 'strict']).default('default'),
    userns: flag,
    /** Ranges of 65,536 more users, for user namespaces inside; absent: as the settings say. */
    usernsNested: z.number().int().min(0, nestedProblem).max(mostNestedRanges, nestedProblem).optional(),
    dropCapabilities: texts('a capability'),
    capabilities: texts('a capability'),
    noNewPrivileges: flag,
    readOnly: flag,
    systemCallFilters: texts('system call filter'),
    apparmorProfile: z.string().max(256).optional(),
    systemdLogLevel: parsedText(parseSystemdLogLevel).optional(),
    noOciPorts: flag,
    noOciVolumes: flag,
    /** `KEY=VALUE` appended to the application's environment file. */
    ociEnvs: z.array(parsedText(parseEnv)).max(most).default([]),
    /** Starts the container when the host boots. */
    enable: flag,
    restart: parsedText(parseRestartPolicy).default('no'),
    /** Units masked inside; absent: those of the settings. */
    maskedServices: z.array(parsedText(parseMaskedService)).max(most).optional(),
    /** Starts the container too, and removes it again when it does not come up. */
    started: flag,
    timeout: bootTimeout,
  })
  .refine(
    ({ ports, networkVeth, networkBridge, networkZone }) =>
      ports.length === 0 || networkVeth || networkBridge !== undefined || networkZone !== undefined,
    { path: ['ports'], message: '--port requires --network-veth, --network-bridge, or --network-zone' },
  )
  .superRefine(({ ports }, context) => {
    const twice = duplicateHostPort(ports);
    if (twice !== undefined) {
      context.addIssue({ code: 'custom', path: ['ports'], message: `duplicate host port: ${twice}` });
    }
  })
  .refine(({ networkBridge, networkZone }) => networkBridge === undefined || networkZone === undefined, {
    path: ['networkZone'],
    message: '--network-bridge and --network-zone exclude each other',
  })
  .refine(({ started, timeout }) => started || timeout === undefined, {
    path: ['timeout'],
    message: '--timeout requires --started',
  });

/** Parsed input of `container.create`. */
export type ContainerCreateInput = z.output<typeof input>;

function locks({ name, rootfs }: ContainerCreateInput): readonly LockRequest[] {
  const own: LockRequest = { kind: 'containers', name, mode: 'exclusive' };
  return rootfs === undefined ? [own] : [{ kind: 'fs', name: rootfs, mode: 'shared' }, own];
}

const minute = 60_000;
/** Limits of jobs that wait for a container to boot: as long as a person may ask it to wait. */
export const bootLimits = { queueMs: 60 * minute, runMs: 25 * 60 * minute, noProgressMs: 25 * 60 * minute };

/** Makes a container, and starts it if asked to (contract 1.4). */
export const containerCreate = defineContract({
  kind: 'container.create',
  summary: 'make a container from a rootfs or from the host',
  queue: 'control',
  input,
  result: z.strictObject({
    name: objectName,
    /** Absent for a clone of the host's root. */
    rootfs: objectName.optional(),
    started: z.boolean(),
  }),
  locks,
  limits: bootLimits,
  subject: ({ name }) => name,
});
