import type { ContainerRecord } from './record.ts';

/**
 * The text of a container's `limits.conf` (contract 3.4), or undefined when it has no limit. The swap limit
 * equals the memory limit, so that memory pressure cannot move to swap without bound.
 */
export function limitsConfText(
  record: Pick<ContainerRecord, 'MEMORY' | 'CPUS' | 'CPU_WEIGHT'>,
): string | undefined {
  const lines: string[] = [];
  if (record.MEMORY !== undefined) lines.push(`MemoryMax=${record.MEMORY}`, `MemorySwapMax=${record.MEMORY}`);
  if (record.CPUS !== undefined) lines.push(`CPUQuota=${Math.round(Number(record.CPUS) * 100)}%`);
  if (record.CPU_WEIGHT !== undefined) lines.push(`CPUWeight=${record.CPU_WEIGHT}`);
  return lines.length === 0 ? undefined : `${['[Service]', ...lines].join('\n')}\n`;
}
