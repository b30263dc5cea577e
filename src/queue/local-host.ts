import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Settings } from '../config/schema.ts';

/** The host id for a machine id: an application-specific one, as the machine id itself shall not travel (machine-id(5)). */
export function hostIdFromMachineId(machineId: string): string {
  return `h-${createHmac('sha256', machineId).update('sdme host').digest('hex').slice(0, 16)}`;
}

/** The id of this host in the queue: `host_id`, else derived from the machine id, else from the host's name. */
export async function localHostId(settings: Pick<Settings, 'host_id'>): Promise<string> {
  if (settings.host_id !== '') return settings.host_id;
  const text = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  const machineId = text.trim();
  return hostIdFromMachineId(/^[0-9a-f]{32}$/.test(machineId) ? machineId : hostname());
}
