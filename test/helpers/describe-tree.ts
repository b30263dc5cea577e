import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function describeNode(path: Buffer, stat: Stats): string {
  const owner = stat.uid === 0 && stat.gid === 0 ? '' : ` ${stat.uid}:${stat.gid}`;
  if (stat.isSymbolicLink()) return `link ${readlinkSync(path, { encoding: 'latin1' })}${owner}`;
  if (stat.isDirectory()) return `dir ${octal(stat.mode)}${owner}`;
  if (stat.isFile())
    return `file ${octal(stat.mode)}${owner} ${readFileSync(path, 'latin1').slice(0, 40)}`.trimEnd();
  if (stat.isFIFO()) return `fifo ${octal(stat.mode)}${owner}`;
  const device = `${Math.floor(stat.rdev / 256)}:${stat.rdev % 256}`;
  return `${stat.isCharacterDevice() ? 'char' : 'block'} ${device} ${octal(stat.mode)}${owner}`;
}

/**
 * Everything in a tree by its path (latin1 text), e.g. `file 0644 1000:1000 content`, `dir 0755`, `link target`;
 * owners are told unless root's. The root itself is `.`.
 */
export function describeTree(root: string): Map<string, string> {
  const nodes = new Map<string, string>();
  const visit = (path: Buffer, name: string): void => {
    const stat = lstatSync(path);
    nodes.set(name === '' ? '.' : name, describeNode(path, stat));
    if (!stat.isDirectory()) return;
    for (const child of readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare)) {
      const text = child.toString('latin1');
      visit(Buffer.concat([path, Buffer.from('/'), child]), name === '' ? text : `${name}/${text}`);
    }
  };
  visit(Buffer.from(root), '');
  return nodes;
}
