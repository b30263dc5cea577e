import type { OptionSpec, VerbSpec } from '../verb.ts';
import { detachOptionSpec, listingOptionSpecs } from './common-option-specs.ts';
import { containerOptionSpecs } from './container-option-specs.ts';

const all: OptionSpec = { flags: '-a, --all', description: 'all that it can be done to' };
const timeout: OptionSpec = {
  flags: '-t, --timeout <seconds>',
  description: 'how long to wait until it is up',
};
const oci: OptionSpec = {
  flags: '--oci',
  mayName: true,
  description: 'in the OCI application; behind the name: --oci APP --',
};
const user: OptionSpec = { flags: '--user <user>', description: 'user inside the container' };
const stopHow: readonly OptionSpec[] = [
  { flags: '--term', description: 'end the machine without a shutdown of its services' },
  { flags: '--kill', description: 'kill every process of it' },
];

/** Verbs for containers (contract 1.4 to 1.7). */
export const containerVerbs: readonly VerbSpec[] = [
  {
    words: 'create',
    summary: 'make a container',
    operands: '[name]',
    options: [
      ...containerOptionSpecs,
      { flags: '--started', description: 'boot it too' },
      timeout,
      detachOptionSpec,
    ],
    examples: [
      'sdme create web -r debian',
      'sdme create web -r debian --memory 512M --cpus 1.5 --started',
      'sdme create box -r debian -b /srv/data:/data:ro --detach',
    ],
    load: () => import('./create.ts'),
  },
  {
    words: 'new',
    summary: 'make and boot a container, and open a shell or run a command in it',
    details:
      'A command stands behind `--`; when it fails, the container is removed, and its exit code is passed on.',
    operands: '[name] [command...]',
    options: [...containerOptionSpecs, timeout, user],
    command: 'after-dashes',
    examples: ['sdme new -r debian', 'sdme new web -r debian -- systemctl status'],
    load: () => import('./new.ts'),
  },
  {
    words: 'start',
    summary: 'boot containers and wait until they are up',
    operands: '[names...]',
    completes: 'container',
    options: [all, timeout, detachOptionSpec],
    examples: ['sdme start web', 'sdme start web db --timeout 120', 'sdme start --all'],
    load: () => import('./start.ts'),
  },
  {
    words: 'stop',
    summary: 'shut containers down',
    operands: '[names...]',
    completes: 'container',
    options: [all, ...stopHow, detachOptionSpec],
    examples: ['sdme stop web', 'sdme stop --all', 'sdme stop --kill web'],
    load: () => import('./stop.ts'),
  },
  {
    words: 'restart',
    summary: 'stop and start containers',
    operands: '[names...]',
    completes: 'container',
    options: [all, ...stopHow, timeout, detachOptionSpec],
    examples: ['sdme restart web', 'sdme restart --all --term'],
    load: () => import('./restart.ts'),
  },
  {
    words: 'rm',
    summary: 'stop and remove containers; the data of their volumes stays',
    operands: '[names...]',
    completes: 'container',
    options: [all, { flags: '-f, --force', description: 'do not ask, with --all' }, detachOptionSpec],
    examples: ['sdme rm web', 'sdme rm --all -f'],
    load: () => import('./rm.ts'),
  },
  {
    words: 'ps',
    summary: 'list containers',
    options: listingOptionSpecs,
    examples: ['sdme ps', 'sdme ps --json'],
    load: () => import('./ps.ts'),
  },
  {
    words: 'exec',
    summary: 'run a command in a running container',
    operands: '<name> [command...]',
    completes: 'container',
    options: [user, oci],
    command: 'after-name',
    examples: [
      'sdme exec web systemctl --failed',
      'sdme exec web --user nobody -- id',
      'sdme exec web --oci -- ls /',
      'sdme exec web --oci nginx -- nginx -t',
      'sdme exec web -- sh -c "cat > /tmp/file"',
    ],
    load: () => import('./exec.ts'),
  },
  {
    words: 'join',
    summary: 'open a shell in a container',
    operands: '<name> [command...]',
    completes: 'container',
    options: [{ flags: '--start', description: 'start it if it does not run' }, timeout, user, oci],
    command: 'after-name',
    examples: ['sdme join web', 'sdme join web --start', 'sdme join web -- top'],
    load: () => import('./join.ts'),
  },
  {
    words: 'logs',
    summary: 'show the journal of a container; further arguments are journalctl’s',
    operands: '<name> [arguments...]',
    completes: 'container',
    options: [oci],
    command: 'after-name',
    examples: ['sdme logs web', 'sdme logs web -n 20 --no-pager', 'sdme logs web --oci -- -f'],
    load: () => import('./logs.ts'),
  },
  {
    words: 'set',
    summary: 'replace the resource limits of a container; what is absent is cleared',
    operands: '<name>',
    completes: 'container',
    options: [
      { flags: '--memory <size>', description: 'memory limit, e.g. 512M' },
      { flags: '--cpus <number>', description: 'processor limit, e.g. 1.5' },
      { flags: '--cpu-weight <weight>', description: 'share of the processors under load, 1-10000' },
      { flags: '--disk <size>', description: 'disk limit (btrfs only)' },
      detachOptionSpec,
    ],
    examples: ['sdme set web --memory 1G --cpus 2', 'sdme set web'],
    load: () => import('./set.ts'),
  },
  {
    words: 'enable',
    summary: 'start containers when the host boots',
    operands: '<names...>',
    completes: 'container',
    options: [detachOptionSpec],
    examples: ['sdme enable web'],
    load: () => import('./enable.ts'),
  },
  {
    words: 'disable',
    summary: 'no longer start containers when the host boots',
    operands: '<names...>',
    completes: 'container',
    options: [detachOptionSpec],
    examples: ['sdme disable web'],
    load: () => import('./disable.ts'),
  },
  {
    words: 'security show',
    summary: 'compare how a running container is confined with what was asked for',
    details:
      'What is in force is read from the kernel, so the container must run; what Docker does unasked stands beside it.',
    operands: '<name>',
    completes: 'container',
    options: listingOptionSpecs,
    examples: ['sdme security show web', 'sdme security show web --json'],
    load: () => import('./security-show.ts'),
  },
];
