import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serverConfigs, serverLayout } from '../test/helpers/server-images.ts';
import { bootTestHost, must } from './test-host.ts';
import { type Peer, showTurns, takeTurns } from './turns.ts';

/**
 * How long it takes from asking a workload to start until it answers a request, beside podman with the same image: nginx,
 * on Debian. sdme runs in the test host and podman beside it on this machine, turn by turn, asked by the same loop of
 * requests; images are there before. Usage: bench/workload.ts BASE-TARBALL
 */
const runs = Number(process.env.SDME_BENCH_RUNS ?? 5);
const [, , tarball = ''] = process.argv;

/** Runs its arguments, asks port 80 until it answers, and prints the microseconds that both took. */
const untilAnswered = `begin=$EPOCHREALTIME
"$@" > /dev/null
for ((i = 0; i < 3000; i += 1)); do curl -sfo /dev/null http://127.0.0.1/ && break; sleep 0.005; done
end=$EPOCHREALTIME
((i < 3000)) && echo $((\${end/./} - \${begin/./}))
`;
const seconds = (microseconds: string): number => Number(microseconds) / 1e6;

/**
 * podman in namespaces of its own, so that the port is free: without cgroups and without a network of the container's
 * own, which is the least it can do. Undefined, with a note, where it cannot run a container.
 */
function podman(scratch: string, layout: string): Peer | undefined {
  const at = (name: string): string => join(scratch, name);
  const store = ['--root', at('podman'), '--runroot', at('podman-run'), '--cgroup-manager', 'cgroupfs'];
  // What it mounts to keep its store in goes with the namespace.
  const alone = (...words: string[]): string =>
    must('unshare', '--mount', '--', 'podman', ...store, ...words);
  alone('pull', '-q', `oci:${layout}`);
  const image = alone('images', '-q');
  // These let it run where this machine has cgroups of both versions, or root has no CAP_SYS_RESOURCE.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000', '--cgroups', 'disabled'];
  const run = ['run', '--detach', '--name', 'bench', '--network', 'host', ...limits, image];
  const script = `mount -t cgroup2 none /sys/fs/cgroup && ip link set lo up || exit
podman=("$@")
set -- "$@" ${run.join(' ')}
${untilAnswered}
"\${podman[@]}" rm --force --time 0 bench > /dev/null`;
  writeFileSync(at('podman.sh'), script);
  const words = ['--mount', '--cgroup', '--net', '--', 'bash', at('podman.sh'), 'podman', ...store];
  const turn = (): number => seconds(must('unshare', ...words));
  try {
    turn();
    return { name: 'podman run', turn };
  } catch (error) {
    console.log(`podman cannot run a container on this machine: ${error}`);
    return undefined;
  }
}

// podman names an image after its directory, which must be in lower case.
const scratch = `/var/tmp/sdme-bench-${process.pid}`;
mkdirSync(scratch);
try {
  using host = bootTestHost(scratch);
  const { inside } = host;
  const layout = join(scratch, 'nginx');
  await (await serverLayout(layout)).configure(serverConfigs.nginx);
  writeFileSync(join(scratch, 'answered.sh'), untilAnswered);
  const answered = (...command: string[]): number =>
    seconds(inside('bash', join(scratch, 'answered.sh'), ...command));
  inside('sdme', 'fs', 'import', tarball, '--name', 'base');
  inside('sdme', 'fs', 'import', layout, '--name', 'nginx', '--base-fs', 'base');
  inside('sdme', 'create', 'bench', '-r', 'nginx');
  const systemctl = ['sdme', 'exec', 'bench', '--', 'systemctl'];
  const peer = podman(scratch, layout);
  const peers: Peer[] = [
    ...(peer === undefined ? [] : [peer]),
    {
      name: 'sdme start: a container boots',
      turn: () => {
        const taken = answered('sdme', 'start', 'bench');
        inside('sdme', 'stop', 'bench');
        return taken;
      },
    },
    {
      name: 'systemctl start in a running container',
      turn: () => {
        inside('sdme', 'start', 'bench');
        inside(...systemctl, 'stop', 'sdme-oci-nginx');
        const taken = answered(...systemctl, 'start', 'sdme-oci-nginx');
        inside('sdme', 'stop', 'bench');
        return taken;
      },
    },
  ];
  showTurns('nginx, from asking for its start to its first answer', takeTurns(peers, runs), 's');
  inside('sdme', 'rm', 'bench');
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
