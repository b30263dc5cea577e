/** Architectures that programs are made for. */
export type Architecture = 'x86-64' | 'aarch64';

/** e_machine of the ELF header (elf(5)): EM_X86_64, EM_AARCH64. */
export const machines: Readonly<Record<Architecture, number>> = { 'x86-64': 62, aarch64: 183 };

/** Sizes of the ELF64 headers in bytes (elf(5)). */
export const headerSize = 64;
export const programHeaderSize = 56;

/** One program header: a part of the file that is mapped, or that says something about the mapping. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

/** p_type and p_flags (elf(5)). */
export const segmentTypes = { load: 1, dynamic: 2, gnuStack: 0x6474e551 } as const;
export const segmentFlags = { execute: 1, write: 2, read: 4 } as const;

/** The stack must not be executable: without this header glibc and the kernel assume that it has to be. */
export const plainStack: Segment = {
  type: segmentTypes.gnuStack,
  flags: segmentFlags.read | segmentFlags.write,
  offset: 0,
  address: 0,
  fileSize: 0,
  memorySize: 0,
  align: 16,
};

/** Writes little-endian fields one after another. */
export function newWriter(size: number): {
  readonly bytes: Uint8Array;
  u8(value: number): void;
  u16(value: number): void;
  u32(value: number): void;
  u64(value: number): void;
  put(bytes: Uint8Array): void;
  seek(offset: number): void;
  readonly offset: number;
} {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  return {
    bytes,
    u8: (value) => {
      view.setUint8(offset, value);
      offset += 1;
    },
    u16: (value) => {
      view.setUint16(offset, value, true);
      offset += 2;
    },
    u32: (value) => {
      view.setUint32(offset, value, true);
      offset += 4;
    },
    u64: (value) => {
      view.setBigUint64(offset, BigInt(value), true);
      offset += 8;
    },
    put: (more) => {
      bytes.set(more, offset);
      offset += more.length;
    },
    seek: (to) => {
      offset = to;
    },
    get offset() {
      return offset;
    },
  };
}

/** The ELF header and the program headers behind it (elf(5)); no section headers. */
export function writeHeaders(
  writer: ReturnType<typeof newWriter>,
  options: {
    type: 'executable' | 'shared object';
    architecture: Architecture;
    entry: number;
    segments: readonly Segment[];
  },
): void {
  writer.seek(0);
  // 7F 'ELF', 64 bits, little endian, version 1, System V ABI.
  writer.put(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  writer.u16(options.type === 'executable' ? 2 : 3);
  writer.u16(machines[options.architecture]);
  writer.u32(1);
  writer.u64(options.entry);
  writer.u64(headerSize);
  writer.u64(0);
  writer.u32(0);
  writer.u16(headerSize);
  writer.u16(programHeaderSize);
  writer.u16(options.segments.length);
  writer.u16(0);
  writer.u16(0);
  writer.u16(0);
  for (const segment of options.segments) {
    writer.u32(segment.type);
    writer.u32(segment.flags);
    writer.u64(segment.offset);
    writer.u64(segment.address);
    writer.u64(segment.address);
    writer.u64(segment.fileSize);
    writer.u64(segment.memorySize);
    writer.u64(segment.align);
  }
}
