/** What /proc/PID/status says of the limits of a process (proc_pid_status(5)). */
export interface ProcessStatus {
  /** Capabilities the process and its children can ever have, one bit each. */
  readonly boundingSet: bigint;
  readonly noNewPrivileges: boolean;
  /** Programs that judge each of its system calls; 0 when nothing does. */
  readonly seccompFilters: number;
}

/** Reads a status file; what a kernel leaves out counts as no limit. */
export function parseProcessStatus(text: string): ProcessStatus {
  const fields = new Map(
    text.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const filtered = fields.get('Seccomp') === '2';
  return {
    boundingSet: BigInt(`0x${fields.get('CapBnd') ?? 'ffffffffffffffff'}`),
    noNewPrivileges: fields.get('NoNewPrivs') === '1',
    // Kernels before 5.9 do not count them.
    seccompFilters: filtered ? Number(fields.get('Seccomp_filters') ?? '1') : 0,
  };
}

/** The network interfaces that /proc/PID/net/dev lists, below its two lines of heading. */
export function parseInterfaces(text: string): string[] {
  return text
    .split('\n')
    .slice(2)
    .filter((line) => line.includes(':'))
    .map((line) => line.slice(0, line.lastIndexOf(':')).trim());
}
