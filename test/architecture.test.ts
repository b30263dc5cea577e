import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const project = join(import.meta.dirname, '..');

const words = ['src/base', 'src/config', 'src/contracts'];
const edge = [...words, 'src/system'];
const trees = [...edge, 'src/oci', 'src/security'];
const readable = [...words, 'src/oci', 'src/security', 'src/pods', 'src/rootfs', 'src/nspawn', 'src/kube'];
const domain = [...readable, 'src/workload'];

/** What each room may import besides itself (docs/architecture.md). A room that is not here imports nothing of ours. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  isolate: [],
  'src/base': [],
  'src/config': ['src/base'],
  'src/contracts': ['src/base'],
  'src/system': ['src/base'],
  'src/oci': edge,
  'src/security': edge,
  'src/pods': edge,
  'src/queue': edge,
  'src/rootfs': trees,
  'src/producer': [...edge, 'src/queue'],
  'src/nspawn': [...trees, 'src/rootfs'],
  'src/workload': [...trees, 'src/rootfs', 'isolate'],
  'src/kube': [...trees, 'src/rootfs', 'src/pods', 'src/nspawn', 'src/workload'],
  'src/cli': [...readable, 'src/producer'],
  'src/api': [...readable, 'src/producer'],
  jobs: domain,
  workers: [...domain, 'jobs', 'src/queue', 'src/system'],
};

/** Packages and modules that only some folders may import. Tests and benchmarks may import all. */
const reserved: Readonly<Record<string, readonly string[]>> = {
  bullmq: ['src/queue', 'workers'],
  ioredis: ['src/queue', 'workers'],
  pino: ['workers'],
  koffi: ['src/system/ffi'],
  'dbus-next': ['src/system/systemd'],
  commander: ['src/cli'],
  fastify: ['src/api'],
  'node:child_process': ['src/system'],
  'node:sqlite': ['workers'],
};

interface Import {
  readonly file: string;
  readonly wanted: string;
}

const statements =
  /^(?:import|export)\s[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

/** Every import of a folder's files, as value or as type; those of our own files as paths from the project. */
function importsOf(...folders: readonly string[]): Import[] {
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: project }));
  return files.flatMap((file) =>
    [...readFileSync(join(project, file), 'utf8').matchAll(statements)].map((match) => {
      const wanted = match[1] ?? match[2] ?? match[3] ?? '';
      return { file, wanted: wanted.startsWith('.') ? normalize(join(dirname(file), wanted)) : wanted };
    }),
  );
}

function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'src' ? `${top}/${second}` : top;
}

const product = importsOf('isolate', 'src', 'jobs', 'workers');

test('every room imports only what the table of arrows allows', () => {
  const wrong = product.filter(({ file, wanted }) => {
    const [from, to] = [roomOf(file), roomOf(wanted)];
    return wanted.endsWith('.ts') && from !== to && !(arrows[from] ?? []).includes(to);
  });
  assert.ok(product.length > 100, 'imports are read at all');
  assert.deepEqual(
    wrong.map(({ file, wanted }) => `${file} imports ${wanted}`),
    [],
  );
});

test('packages that belong to a room are imported there only', () => {
  const wrong = product.filter(({ file, wanted }) => {
    const homes = reserved[wanted];
    return homes !== undefined && !homes.some((home) => file.startsWith(`${home}/`));
  });
  assert.deepEqual(
    wrong.map(({ file, wanted }) => `${file} imports ${wanted}`),
    [],
  );
});

test('no file imports itself over others, be it for a type', () => {
  const graph = new Map<string, string[]>();
  for (const { file, wanted } of importsOf('isolate', 'src', 'jobs', 'workers', 'test', 'bench')) {
    if (wanted.endsWith('.ts')) graph.set(file, [...(graph.get(file) ?? []), wanted]);
  }
  assert.deepEqual(cyclesOf(graph), []);
});

/** A cycle for each file that closes one: depth first, a file on the way that shows up again. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0) cycles.push([...way.slice(at), file].join(' -> '));
    if (at >= 0 || done.has(file)) return;
    for (const wanted of graph.get(file) ?? []) visit(wanted, [...way, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

test('the search for cycles finds one', () => {
  const graph = new Map([
    ['a', ['b', 'c']],
    ['b', ['c']],
    ['c', ['d', 'b']],
  ]);
  assert.deepEqual(cyclesOf(graph), ['b -> c -> b']);
});

test('docs/architecture.md has a row for every room that there is', () => {
  const page = readFileSync(join(project, 'docs/architecture.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z/]+)` \|/gm)].map(([, room]) => room);
  const rooms = [...new Set(product.map(({ file }) => roomOf(file)))];
  assert.deepEqual(rows.sort(), rooms.sort());
});
