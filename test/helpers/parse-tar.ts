import type { TarEntry } from '../../src/oci/tar/entry.ts';
import { TarParser } from '../../src/oci/tar/parser.ts';

/** An entry with its content. */
export interface ParsedEntry extends TarEntry {
  readonly content: Buffer;
}

/** All entries of an archive that is fed in the given pieces. */
export function parseTar(...chunks: readonly Buffer[]): ParsedEntry[] {
  const entries: ParsedEntry[] = [];
  let current: TarEntry | undefined;
  let content: Buffer[] = [];
  const parser = new TarParser({
    entry: (entry) => {
      if (entry.type === 'file') current = entry;
      else entries.push({ ...entry, content: Buffer.alloc(0) });
    },
    content: (chunk, start, end) => content.push(Buffer.from(chunk.subarray(start, end))),
    contentEnd: () => {
      if (current !== undefined) entries.push({ ...current, content: Buffer.concat(content) });
      content = [];
    },
  });
  for (const chunk of chunks) parser.feed(chunk);
  parser.finish();
  return entries;
}
