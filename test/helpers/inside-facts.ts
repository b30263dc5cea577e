import type { Containers } from './containers.ts';

/** What a booted container's PID 1 is held to, as it is seen from inside. */
export interface InsideFacts {
  /** Bounding set of capabilities, as the kernel's mask. */
  readonly boundingSet: bigint;
  readonly noNewPrivileges: boolean;
  /** System calls are judged by filters. */
  readonly filtered: boolean;
  /** The one line of its user map, blanks made single. */
  readonly userMap: string;
  /** Namespaces as `net:[4026531840]`, by kind. */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly interfaces: readonly string[];
  /** What systemd inside says of the boot. */
  readonly systemState: string;
}

/** Reads the facts by one command run inside. */
export async function insideFacts(containers: Containers, name: string): Promise<InsideFacts> {
  const script = [
    'cat /proc/1/status',
    'sed "s/^/map /; s/  */ /g; s/^map  */map /" /proc/1/uid_map',
    'for kind in user pid ipc uts mnt cgroup net; do echo "ns $kind $(readlink /proc/1/ns/$kind)"; done',
    'ls /sys/class/net | sed "s/^/if /"',
    'echo "state $(systemctl is-system-running --wait)"',
  ];
  const lines = (await containers.inside(name, 'sh', '-c', script.join('\n'))).split('\n');
  const all = (prefix: string): string[] =>
    lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length).trim());
  const one = (prefix: string): string => {
    const [line] = all(prefix);
    if (line === undefined) throw new Error(`${name} does not say '${prefix}': ${lines.join('\n')}`);
    return line;
  };
  return {
    boundingSet: BigInt(`0x${one('CapBnd:')}`),
    noNewPrivileges: one('NoNewPrivs:') === '1',
    filtered: one('Seccomp:') === '2',
    userMap: one('map '),
    namespaces: new Map(
      all('ns ').map((line): [string, string] => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']),
    ),
    interfaces: all('if ').sort(),
    systemState: one('state '),
  };
}
