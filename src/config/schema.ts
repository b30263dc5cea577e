import { z } from 'zod';
import { parseCapabilityList } from '../base/capabilities.ts';
import { SdmeError } from '../base/errors.ts';
import { parseSize } from '../base/sizes.ts';

const size = z.string().transform((text, context): number => {
  try {
    return parseSize(text);
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: error instanceof SdmeError ? error.message : 'is not a size',
    });
    return z.NEVER;
  }
});
const capabilities = z.string().superRefine((text, context) => {
  try {
    parseCapabilityList(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
  }
});
const seconds = z.number().nonnegative();
const count = z.number().int().positive();
const commands = z.array(z.string());
const absolute = z.string().regex(/^\/[^\0\n]*$/, 'must be an absolute path');

/**
 * The settings of `/etc/sdme.conf` (contract 2.4), each with type, default and meaning here and nowhere else.
 * Durations are seconds, sizes are bytes once parsed.
 */
export const settingsSchema = z.strictObject({
  interactive: z.boolean().default(true).describe('ask questions when a person is at the terminal'),
  datadir: absolute.default('/var/lib/sdme').describe('where rootfs, containers, caches and the journal lie'),
  rundir: absolute.default('/run/sdme').describe('where sockets and namespaces lie until the next boot'),
  boot_timeout: seconds.default(60).describe('how long start waits for a container to come up'),
  join_as_sudo_user: z
    .boolean()
    .default(true)
    .describe('join host-root containers as the user who called sudo'),
  host_rootfs_opaque_dirs: z
    .string()
    .default('/etc/systemd/system,/var/log')
    .describe('directories of the host hidden from host-root containers'),
  hardened_drop_caps: capabilities
    .default('CAP_SYS_PTRACE,CAP_NET_RAW,CAP_SYS_RAWIO,CAP_SYS_BOOT')
    .describe('capabilities that --hardened takes away'),
  default_base_fs: z
    .string()
    .default('')
    .describe('rootfs that OCI applications are put on when --base-fs is absent'),
  default_output_format: z
    .enum(['', 'json', 'json-pretty'])
    .default('')
    .describe('how listings print without --json'),
  tasks_max: count.default(16384).describe('TasksMax= of each container'),
  docker_user: z.string().default('').describe('user for docker.io'),
  docker_token: z.string().default('').describe('token for docker.io; sent to its token service only'),
  oci_cache_dir: z.string().default('').describe('blob cache; empty: cache/oci below datadir'),
  oci_cache_max_size: size
    .prefault('10G')
    .describe('blob cache limit, least recently used go first; 0 turns the cache off'),
  oci_manifest_cache_ttl: seconds.default(900).describe('how long a tag is taken for unchanged'),
  oci_parallel_blobs: count.default(4).describe('blobs one import downloads at once'),
  http_timeout: seconds.default(30).describe('limit for connecting and for the first byte of an answer'),
  http_body_timeout: seconds.default(300).describe('limit for silence in the middle of a body'),
  max_download_size: size.prefault('50G').describe('largest image in compressed bytes'),
  max_unpacked_size: size.prefault('200G').describe('largest image in unpacked bytes'),
  max_unpacked_entries: count.default(10_000_000).describe('most entries of one image'),
  stop_timeout_graceful: seconds.default(90).describe('how long stop waits'),
  stop_timeout_terminate: seconds.default(30).describe('how long stop --term waits'),
  stop_timeout_kill: seconds.default(15).describe('how long stop --kill waits'),
  restart_sec: seconds.default(2).describe('pause before systemd restarts a failed container'),
  auto_fs_gc: z
    .boolean()
    .default(true)
    .describe('clear what dead imports left before the next of the same name'),
  default_create_masked_services: z
    .string()
    .default('systemd-resolved.service')
    .describe('services masked in new containers'),
  userns_mapping: z
    .enum(['auto', 'idmap', 'shift'])
    .default('auto')
    .describe(
      'how files get the ids of a user namespace: idmap maps mounts, shift gives copies away; auto: idmap where it works',
    ),
  userns_nested_ranges: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('ranges of 65536 more users for user namespaces inside of those of new containers'),
  default_storage_backend: z.enum(['', 'overlay']).default('').describe('storage of new containers'),
  host_id: z
    .string()
    .regex(
      /^([a-z0-9][a-z0-9-]{0,62})?$/,
      'takes 1 to 63 lowercase letters, digits and hyphens, no hyphen first',
    )
    .default('')
    .describe('name of this host in the queue; empty: derived from the machine id'),
  queue_url: z
    .string()
    .regex(/^(|rediss?:\/\/.+|\/.+)$/, 'must be a redis:// or rediss:// URL, or the path of a socket')
    .default('')
    .describe('redis:// or rediss:// URL or socket of a shared queue; empty: the embedded queue'),
  queue_idle_seconds: seconds
    .default(300)
    .describe('the embedded queue and worker end after this long without work'),
  slots_network: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('jobs that may use the network at once; 0: from the machine'),
  slots_disk: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('jobs that may write trees at once; 0: from the machine'),
  slots_cpu: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('jobs that may compute at once; 0: from the machine'),
  job_retention_age: seconds.default(7 * 24 * 3600).describe('how long records of ended jobs are kept'),
  job_retention_count: count.default(20_000).describe('how many records of ended jobs are kept'),
  shutdown_grace: seconds
    .default(20)
    .describe('how long a worker lets running jobs finish after SIGTERM before it hands them back'),
  distros: z
    .partialRecord(
      z.enum(['debian', 'fedora', 'arch', 'suse', 'nixos', 'unknown']),
      z.strictObject({
        import_prehook: commands.optional(),
        export_prehook: commands.optional(),
        export_vm_prehook: commands.optional(),
      }),
    )
    .default({})
    .describe('commands that prepare a rootfs, by distribution family'),
});

/** Parsed settings. */
export type Settings = Readonly<z.output<typeof settingsSchema>>;
