import { groupCalls } from './denied-groups.ts';

/**
 * What a workload writes to /tmp/look of what it sees and of what it is kept from, each part under a title. It runs
 * as the one program of its image.
 */
export const look = `b=/busybox
exec > /tmp/look 2>&1
part() { echo "== $*"; }
part status; $b cat /proc/self/status
part ids; $b id -u; $b id -g; $b id -G; echo $$; $b cat /proc/self/uid_map
part namespaces; for n in pid ipc net uts user mnt; do $b readlink /proc/self/ns/$n; done
part proc; $b ls /proc
part processes; for p in /proc/[0-9]*; do $b tr '\\0' ' ' < $p/cmdline; echo; done
part root; $b ls -A /
part up; $b ls -A /../oci /../../oci/apps /proc/1/root/oci
part shared; $b ls -A /dev/shm /dev/pts; ipcs -m | $b grep -c 0x
part mqueue; $b ls /dev/mqueue
part bus; $b ls /run/dbus /run/systemd/private
part journal; $b ls /run/systemd/journal/socket /run/systemd/journal/stdout /dev/log
part names; $b cat /etc/hosts /etc/resolv.conf; $b hostname
part own; echo x > /dev/shm/mine && echo y > /run/mine && echo z > /tmp/mine && echo written
part terminal; (exec 3<> /dev/ptmx && echo opened) ; $b ls /dev/pts
part cgroup; $b mkdir /sys/fs/cgroup/mine; echo $$ > /sys/fs/cgroup/cgroup.procs
part sysfs; echo 1 > /sys/fs/fuse/connections/mine; $b mkdir /sys/mine
part dev; echo > /dev/mine; $b rm /dev/null
part settings; echo core > /proc/sys/kernel/core_pattern; echo b > /proc/sysrq-trigger
part clock; $b date -s 2001-01-01; $b adjtimex -t 10001
part modules; $b ls /usr/lib/modules /lib/modules; $b cp $b /tmp/m.ko; $b insmod /tmp/m.ko
part kernel log; $b dmesg; $b cat /dev/kmsg /proc/kmsg
part mount; $b mkdir -p /mnt; $b mount -t tmpfs none /mnt
part user namespace; $b unshare -U $b true
part set-uid; : > /tmp/s; $b chmod u+s /tmp/s
part personality; setarch linux32 $b true
part disk; $b mknod /tmp/disk b 8 0 && $b cat /tmp/disk
part calls; cd /tmp; /probe key-add key-control bpf-map kexec module-unload
part groups; /probe ${groupCalls.join(' ')}
part end
exec $b sleep 100000
`;

/** What a workload wrote, by title; undefined until it is through. */
export function readLook(written: string): ReadonlyMap<string, string> | undefined {
  if (!/^== end$/m.test(written)) return undefined;
  const parts = written.split(/^== /m).slice(1);
  return new Map(
    parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()]),
  );
}
