/** Where units of this program lie. */
export const unitDirectory = '/etc/systemd/system';
/** The file name of the template that every container's unit is an instance of. */
export const templateUnitName = 'sdme@.service';

/** The unit of a container. Names need no escaping: they are `[a-z][a-z0-9-]*` (contract 1.1). */
export function unitName(container: string): string {
  return `sdme@${container}.service`;
}

/** The directory of a container's drop-ins. */
export function dropInDirectory(container: string): string {
  return `${unitDirectory}/${unitName(container)}.d`;
}

export interface TemplateUnitOptions {
  /** Setting `tasks_max`. */
  readonly tasksMax: number;
  /** Setting `boot_timeout`, in seconds. */
  readonly bootTimeout: number;
  /** Major version of systemd; `DelegateSubgroup=` came with 256 in our use (contract 3.1). */
  readonly systemdVersion: number;
}

/** The text of `sdme@.service` (contract 3.1). `ExecStart=` is replaced by each container's drop-in. */
export function templateUnitText({ tasksMax, bootTimeout, systemdVersion }: TemplateUnitOptions): string {
  return [
    '[Unit]',
    'Description=sdme container %i',
    'After=network.target local-fs.target systemd-machined.service dbus.service nss-user-lookup.target',
    'Wants=systemd-machined.service',
    '',
    '[Service]',
    'Type=notify',
    'RestartForceExitStatus=133',
    'SuccessExitStatus=133',
    'ExecStart=/bin/false',
    'KillMode=mixed',
    'Slice=machine.slice',
    'Delegate=yes',
    ...(systemdVersion >= 256 ? ['DelegateSubgroup=supervisor'] : []),
    `TasksMax=${tasksMax}`,
    'DevicePolicy=closed',
    'DeviceAllow=/dev/net/tun rwm',
    'DeviceAllow=char-pts rw',
    `TimeoutStartSec=${Math.ceil(bootTimeout) + 30}s`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}
