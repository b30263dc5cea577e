import { z } from 'zod';
import { splitCommaList } from '../../contracts/index.ts';
import { defined } from './options.ts';

const text = z.string().optional();
const list = z.array(z.string()).optional();
const flag = z.boolean().optional();

/** The values of `containerOptionSpecs` as commander gives them. `--no-…` flags are true when absent. */
export const containerOptions = {
  name: text,
  fs: text,
  memory: text,
  cpus: text,
  cpuWeight: text,
  disk: text,
  storage: text,
  overlayfsOpaqueDirs: list,
  privateNetwork: flag,
  networkVeth: flag,
  networkBridge: text,
  networkZone: text,
  port: list,
  bind: list,
  env: list,
  userns: flag,
  usernsNested: z
    .string()
    .regex(/^[0-9]{1,9}$/, '--userns-nested takes a number')
    .transform(Number)
    .optional(),
  dropCapability: list,
  capability: list,
  newPrivileges: z.boolean().default(true),
  readOnly: flag,
  systemCallFilter: list,
  apparmorProfile: text,
  hardened: flag,
  strict: flag,
  systemdLogLevel: text,
  ociPorts: z.boolean().default(true),
  ociVolumes: z.boolean().default(true),
  ociEnv: list,
  enable: flag,
  restart: text,
  maskedServices: text,
};

const schema = z.strictObject(containerOptions);

/** The options of a container as the input of `container.create` names them; the contract checks the values. */
export function containerInput(options: Omit<z.output<typeof schema>, 'name'>): Record<string, unknown> {
  return defined({
    rootfs: options.fs,
    memory: options.memory,
    cpus: options.cpus,
    cpuWeight: options.cpuWeight,
    disk: options.disk,
    storage: options.storage,
    opaqueDirs: options.overlayfsOpaqueDirs?.flatMap(splitCommaList),
    privateNetwork: options.privateNetwork,
    networkVeth: options.networkVeth,
    networkBridge: options.networkBridge,
    networkZone: options.networkZone,
    ports: options.port,
    binds: options.bind,
    envs: options.env,
    tier: options.strict === true ? 'strict' : options.hardened === true ? 'hardened' : undefined,
    userns: options.userns,
    usernsNested: options.usernsNested,
    dropCapabilities: options.dropCapability,
    capabilities: options.capability,
    noNewPrivileges: !options.newPrivileges,
    readOnly: options.readOnly,
    systemCallFilters: options.systemCallFilter,
    apparmorProfile: options.apparmorProfile,
    systemdLogLevel: options.systemdLogLevel,
    noOciPorts: !options.ociPorts,
    noOciVolumes: !options.ociVolumes,
    ociEnvs: options.ociEnv,
    enable: options.enable,
    restart: options.restart,
    maskedServices: options.maskedServices === undefined ? undefined : splitCommaList(options.maskedServices),
  });
}
