import type { Code } from '../code.ts';
import {
  type Architecture,
  headerSize,
  newWriter,
  plainStack,
  programHeaderSize,
  type Segment,
  segmentFlags,
  segmentTypes,
  writeHeaders,
} from './bytes.ts';

/** R_X86_64_GLOB_DAT, R_AARCH64_GLOB_DAT (the psABIs' relocation tables): the address of a symbol. */
const globDat: Readonly<Record<Architecture, number>> = { 'x86-64': 6, aarch64: 1025 };

/** Tags of the dynamic section (gABI, chapter 5, "Dynamic Section"). */
const tags = {
  end: 0,
  hash: 4,
  stringTable: 5,
  symbolTable: 6,
  rela: 7,
  relaSize: 8,
  relaEntry: 9,
  stringSize: 10,
  symbolEntry: 11,
} as const;

/** A function of another object. An optional one may be missing everywhere, and its address is 0 then. */
export interface Import {
  readonly name: string;
  readonly optional: boolean;
}

/** st_info of a global function, and of an untyped global or weak symbol (gABI, chapter 4, "Symbol Table"). */
const symbolInfo = { exported: 0x12, needed: 0x10, optional: 0x20 } as const;

const symbolSize = 24;
const relaSize = 24;
const pageSize = 0x10000;

/** The hash of a symbol's name (gABI, chapter 5, "Hash Table"). */
export function symbolHash(name: string): number {
  let hash = 0;
  for (const byte of new TextEncoder().encode(name)) {
    hash = ((hash << 4) + byte) >>> 0;
    const high = hash & 0xf0000000;
    hash = (hash ^ (high >>> 24)) & ~high & 0x0fffffff;
  }
  return hash >>> 0;
}

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Names joined by NUL behind a first empty one, and where each begins. */
function stringTable(names: readonly string[]): { bytes: Uint8Array; offsets: number[] } {
  const offsets: number[] = [];
  let all = '\0';
  for (const name of names) {
    offsets.push(all.length);
    all += `${name}\0`;
  }
  return { bytes: new TextEncoder().encode(all), offsets };
}

/** The System V hash table with one bucket: so few names need no spread. Index 0 is the undefined symbol. */
function writeHashTable(writer: ReturnType<typeof newWriter>, symbols: number): void {
  writer.u32(1);
  writer.u32(symbols + 1);
  writer.u32(symbols);
  writer.u32(0);
  for (let index = 1; index <= symbols; index += 1) writer.u32(index - 1);
}

/**
 * An ELF64 shared object: `exports` are labels of the code, `imports` are found by the dynamic linker in
 * whatever is loaded and reached through the label `import:NAME`. Needs no other object (no DT_NEEDED).
 */
export function writeSharedObject(
  architecture: Architecture,
  code: Code,
  options: { readonly exports: readonly string[]; readonly imports: readonly Import[] },
): Uint8Array {
  const names = [...options.exports, ...options.imports.map(({ name }) => name)];
  const strings = stringTable(names);

  const hashAt = headerSize + 4 * programHeaderSize;
  const symbolsAt = align(hashAt + 4 * (3 + names.length + 1), 8);
  const stringsAt = symbolsAt + symbolSize * (names.length + 1);
  const relaAt = align(stringsAt + strings.bytes.length, 8);
  const textAt = align(relaAt + relaSize * options.imports.length, 16);
  const textEnd = textAt + code.length;
  // The writable part begins on a page of its own in memory and right behind the text in the file.
  const dataOffset = align(textEnd, 8);
  const dataAddress = pageSize + dataOffset;
  const dynamicSize = 16 * Object.keys(tags).length;
  const importsAddress = dataAddress + dynamicSize;
  const dataSize = dynamicSize + 8 * options.imports.length;

  const external = new Map(
    options.imports.map(({ name }, index) => [`import:${name}`, importsAddress + 8 * index - textAt]),
  );
  const { bytes, labels } = code.finish(external);

  const readExecute = segmentFlags.read | segmentFlags.execute;
  const readWrite = segmentFlags.read | segmentFlags.write;
  const part = (type: number, flags: number, offset: number, address: number, size: number): Segment => ({
    type,
    flags,
    offset,
    address,
    fileSize: size,
    memorySize: size,
    align: type === segmentTypes.load ? pageSize : 8,
  });
  const writer = newWriter(dataOffset + dataSize);
  writeHeaders(writer, {
    type: 'shared object',
    architecture,
    entry: 0,
    segments: [
      part(segmentTypes.load, readExecute, 0, 0, textEnd),
      part(segmentTypes.load, readWrite, dataOffset, dataAddress, dataSize),
      part(segmentTypes.dynamic, readWrite, dataOffset, dataAddress, dynamicSize),
      plainStack,
    ],
  });

  writer.seek(hashAt);
  writeHashTable(writer, names.length);

  // Symbols: name, info, other, section, value, size.
  writer.seek(symbolsAt + symbolSize);
  for (const [index, name] of names.entries()) {
    const exported = index < options.exports.length;
    const { optional = false } = options.imports[index - options.exports.length] ?? {};
    const place = exported ? labels.get(name) : undefined;
    if (exported && place === undefined) throw new RangeError(`no function ${name} to export`);
    writer.u32(strings.offsets[index] ?? 0);
    writer.u8(symbolInfo[exported ? 'exported' : optional ? 'optional' : 'needed']);
    writer.u8(0);
    // Any section number but 0 says "defined here"; there are no sections to number.
    writer.u16(exported ? 1 : 0);
    writer.u64(place === undefined ? 0 : textAt + place);
    writer.u64(0);
  }
  writer.seek(stringsAt);
  writer.put(strings.bytes);

  writer.seek(relaAt);
  for (const index of options.imports.keys()) {
    writer.u64(importsAddress + 8 * index);
    writer.u32(globDat[architecture]);
    writer.u32(options.exports.length + index + 1);
    writer.u64(0);
  }
  writer.seek(textAt);
  writer.put(bytes);

  writer.seek(dataOffset);
  const dynamic: readonly [number, number][] = [
    [tags.hash, hashAt],
    [tags.stringTable, stringsAt],
    [tags.symbolTable, symbolsAt],
    [tags.rela, relaAt],
    [tags.relaSize, relaSize * options.imports.length],
    [tags.relaEntry, relaSize],
    [tags.stringSize, strings.bytes.length],
    [tags.symbolEntry, symbolSize],
    [tags.end, 0],
  ];
  for (const [tag, value] of dynamic) {
    writer.u64(tag);
    writer.u64(value);
  }
  return writer.bytes;
}
