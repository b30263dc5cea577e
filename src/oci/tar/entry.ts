/** What a tar entry makes. Contiguous files (`7`) are files; V7 names that end in a slash are directories. */
export type TarEntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

/** A point in time; `nanoseconds` is 0..999999999, also before 1970. */
export interface TarTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** One entry, all extended headers applied. Names are bytes as they came: neither cleaned nor checked. */
export interface TarEntry {
  readonly type: TarEntryType;
  readonly name: Buffer;
  /** Target of a symlink or hard link; empty otherwise. */
  readonly linkName: Buffer;
  /** Permission bits, 0..0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 unless `file`. */
  readonly size: number;
  readonly mtime: TarTime;
  /** Device numbers of `char` and `block`. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes (`SCHILY.xattr.`), names as latin1 text. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/**
 * Where a parser's events go. For each entry: `entry`; for files then `content` any number of times and
 * `contentEnd` once. What it throws comes out of `feed`.
 */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** Content is `chunk[start..end)`, valid during the call only. */
  content(chunk: Buffer, start: number, end: number): void;
  contentEnd(): void;
}
