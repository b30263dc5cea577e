import { z } from 'zod';
import { SdmeError } from '../base/errors.ts';
import { formatKeyValues, parseKeyValues } from '../base/key-values.ts';
import { nameProblem } from '../base/names.ts';
import { formatBind, parseBind } from '../contracts/container-options.ts';

const text = z.string().optional();
const yes = z.literal('yes').optional();
const one = z.literal('1').optional();
const count = z
  .string()
  .regex(/^[0-9]{1,15}$/)
  .transform(Number)
  .optional();
const name = z.string().refine((value) => nameProblem(value) === undefined, 'is not an object name');
const listOf = (separator: string) =>
  z
    .string()
    .optional()
    .transform((value): string[] => (value === undefined || value === '' ? [] : value.split(separator)));
const binds = listOf('|').transform((texts) => texts.map(parseBind));

/**
 * The keys of a container's state file and the form of their values (contract 2.2), in the order in which they
 * are documented. Absent keys are unset.
 */
const stateKeys = z.object({
  CREATED: count,
  NAME: name,
  /** Empty: a clone of the host's root. */
  ROOTFS: z.union([z.literal(''), name]),
  STORAGE: text,
  MEMORY: text,
  CPUS: text,
  CPU_WEIGHT: text,
  DISK: text,
  PRIVATE_NETWORK: one,
  NETWORK_VETH: one,
  NETWORK_BRIDGE: text,
  NETWORK_ZONE: text,
  PORTS: listOf(','),
  BINDS: binds,
  ENVS: listOf('|'),
  OCI_VOLUMES: listOf(','),
  POD: name.optional(),
  OCI_POD: name.optional(),
  USERNS: yes,
  NO_NEW_PRIVS: yes,
  READ_ONLY: yes,
  USERNS_SHIFT: count,
  USERNS_RANGE: count,
  /**
   * How the files get the ids of the user namespace: `idmap` by mounts that map them, `shift` by being given away.
   * Absent: nspawn sees to it.
   */
  USERNS_MAPPING: z.enum(['idmap', 'shift']).optional(),
  DROP_CAPS: listOf(','),
  ADD_CAPS: listOf(','),
  SYSCALL_FILTER: listOf(','),
  APPARMOR_PROFILE: text,
  MASKED_SERVICES: listOf(','),
  OPAQUE_DIRS: listOf(','),
  OCI_APP: text,
  SYSTEMD_LOG_LEVEL: text,
  RESTART_POLICY: text,
  RESTART_SEC: count,
  ENABLED: z.enum(['yes', 'no']).optional(),
  KUBE: yes,
  HAS_PROBES: yes,
  KUBE_CONTAINERS: listOf(','),
  KUBE_YAML_HASH: text,
});
type StateKeys = z.output<typeof stateKeys>;

/** What is on disk about one container. */
export interface ContainerRecord extends StateKeys {
  /** Keys this version does not know; kept when the record is written again. */
  readonly others: ReadonlyMap<string, string>;
}

const knownKeys: readonly string[] = Object.keys(stateKeys.shape);

/**
 * The record of a state file's text.
 * @throws SdmeError `input.invalid` naming the key; callers say which file it was
 */
export function parseRecord(fileText: string): ContainerRecord {
  const values = parseKeyValues(fileText);
  const parsed = stateKeys.safeParse(Object.fromEntries(values));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SdmeError(
      'input.invalid',
      `${issue?.path.join('.') ?? 'state'}: ${issue?.message ?? 'invalid'}`,
    );
  }
  return {
    ...parsed.data,
    others: new Map([...values].filter(([key]) => !knownKeys.includes(key))),
  };
}

/** One key's value as it stands in the file; undefined when the line is left out. */
function valueText(key: string, value: unknown): string | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (typeof value === 'number' || typeof value === 'string') return String(value);
  throw new SdmeError('internal', `state key ${key} cannot be written`);
}

/** The text of a record's state file, lines sorted by key. */
export function formatRecord(record: ContainerRecord): string {
  const { others, BINDS, ENVS, ...rest } = record;
  const values = new Map(others);
  const set = (key: string, value: unknown): void => {
    const line = valueText(key, Array.isArray(value) ? value.join(',') || undefined : value);
    if (line !== undefined) values.set(key, line);
  };
  for (const [key, value] of Object.entries(rest)) set(key, value);
  set('BINDS', BINDS.map(formatBind).join('|') || undefined);
  set('ENVS', ENVS.join('|') || undefined);
  return formatKeyValues(values);
}

/** True when the record has a way out of its private network. */
export function hasInterface(record: ContainerRecord): boolean {
  return (
    record.NETWORK_VETH !== undefined ||
    record.NETWORK_BRIDGE !== undefined ||
    record.NETWORK_ZONE !== undefined
  );
}

/** True for a clone of the host's root. */
export function isHostRoot(record: ContainerRecord): boolean {
  return record.ROOTFS === '';
}
