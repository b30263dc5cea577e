/**
 * What the name of a tar member says about the archive: `image` proves an image archive, `open` fits one
 * (docker-save and OCI archives have nothing else), `rootfs` rules it out. So a rootfs tarball is told after
 * its first few members, while an image archive is read until its `oci-layout` or `manifest.json`.
 */
export type MemberVerdict = 'image' | 'open' | 'rootfs';

/** Top-level names of image archives (OCI image-layout.md; docker image spec v1.2 "Combined Image JSON"). */
const openNames: ReadonlySet<string> = new Set(['', 'blobs', 'index.json', 'repositories']);

/** The verdict of one member's name, as it stands in the header. */
export function judgeMember(name: string): MemberVerdict {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const [top = '', ...rest] = parts;
  if (rest.length === 0 && (top === 'oci-layout' || top === 'manifest.json')) return 'image';
  if (openNames.has(top) && (top === 'blobs' || rest.length === 0)) return 'open';
  if (/^[0-9a-f]{64}(\.json|\.tar)?$/.test(top)) return 'open';
  return 'rootfs';
}

/** The fields of a tar header that skipping needs. */
export interface MemberHeader {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

function numberField(block: Buffer, start: number, end: number): number {
  const first = block[start] ?? 0;
  if (first === 0x80) return Number(BigInt(`0x${block.toString('hex', start + 1, end)}`));
  const text = block
    .toString('latin1', start, end)
    .replace(/[ \0]+$/, '')
    .replace(/^ +/, '');
  return text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

/** Name, type and size of a header block; undefined when the size is not one, or the block ends the archive. */
export function readMemberHeader(block: Buffer): MemberHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const size = numberField(block, 124, 136);
  if (!Number.isSafeInteger(size) || size < 0) return undefined;
  const until = (start: number, end: number): string => {
    const nul = block.subarray(start, end).indexOf(0);
    return block.toString('latin1', start, nul < 0 ? end : start + nul);
  };
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? until(345, 500) : '';
  const name = until(0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[156] ?? 0),
    size,
  };
}

/** Extended headers (PAX, GNU long names) describe the member after them and say nothing themselves. */
export function isMetaMember(type: string): boolean {
  return type === 'x' || type === 'g' || type === 'L' || type === 'K';
}

/**
 * Judges an archive by its members' names while its bytes come in: a small reader that keeps one header and skips
 * contents. `push` returns true once the verdict is known; call `verdict` then, or at the end of the bytes.
 */
export interface MemberSkimmer {
  push(chunk: Buffer): boolean;
  /** True for an image archive. */
  verdict(): boolean;
}

export function memberSkimmer(): MemberSkimmer {
  const header = Buffer.alloc(512);
  let filled = 0;
  let skip = 0;
  let decided: boolean | undefined;

  const takeHeader = (): void => {
    filled = 0;
    const member = readMemberHeader(header);
    if (member === undefined) {
      decided = false;
      return;
    }
    skip = Math.ceil(member.size / 512) * 512;
    if (isMetaMember(member.type)) return;
    const verdict = judgeMember(member.name);
    if (verdict !== 'open') decided = verdict === 'image';
  };

  return {
    push: (chunk) => {
      for (let at = 0; at < chunk.length && decided === undefined; ) {
        if (skip > 0) {
          const step = Math.min(skip, chunk.length - at);
          skip -= step;
          at += step;
          continue;
        }
        const step = chunk.copy(header, filled, at, Math.min(chunk.length, at + 512 - filled));
        filled += step;
        at += step;
        if (filled === 512) takeHeader();
      }
      return decided !== undefined;
    },
    verdict: () => decided ?? false,
  };
}
