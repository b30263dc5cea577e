import { z } from 'zod';

const text = z.string();
const optional = text.nullable();

/**
 * One container as `ps --json` prints it, keys in this order (contract 1.7). The text table's columns are made
 * from the same values.
 */
export const containerListing = z.strictObject({
  name: text,
  status: z.enum(['running', 'starting', 'stopping', 'stopped']),
  health: text,
  os: text,
  /** Empty for a clone of the host's root. */
  rootfs: text,
  userns: z.boolean(),
  enabled: z.boolean(),
  /** `host:container:rw|ro`. */
  binds: z.array(text),
  oci_apps: z.array(
    z.strictObject({ name: text, env: z.array(text), ports: z.array(text), volumes: z.array(text) }),
  ),
  submounts: z.array(text),
  network: z.strictObject({
    private_network: z.boolean(),
    network_veth: z.boolean(),
    network_bridge: optional,
    network_zone: optional,
    ports: z.array(text),
    pod: optional,
    oci_pod: optional,
  }),
  limits: z.strictObject({ memory: optional, cpus: optional, cpu_weight: optional, disk: optional }),
  disk_used: z.number().nullable(),
  kube: z.strictObject({ yaml_hash: optional, has_probes: z.boolean() }).nullable(),
  addresses: z.array(text),
});

/** One container as `ps` shows it. */
export type ContainerListing = z.infer<typeof containerListing>;
export type ContainerStatus = ContainerListing['status'];

/** What an ActiveState of the unit is called in listings (contract 1.7, STATUS). */
export function statusOf(activeState: string): ContainerStatus {
  switch (activeState) {
    case 'active':
      return 'running';
    case 'activating':
      return 'starting';
    case 'deactivating':
      return 'stopping';
    default:
      return 'stopped';
  }
}
