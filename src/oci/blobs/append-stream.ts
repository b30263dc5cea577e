import type { FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { diskFailure } from './disk-failure.ts';

/** Bytes that may wait for the disk: what comes meanwhile is written together. */
const bufferSize = 1024 * 1024;

/** A stream into `append`, which gets what came while it was busy all at once and says how many bytes it took. */
export function appendStream(
  append: (chunks: readonly Buffer[]) => Promise<number>,
  onBytes: (count: number) => void,
): Writable {
  const put = (chunks: readonly Buffer[], done: (error?: Error | null) => void): void => {
    append(chunks).then(
      (count) => {
        onBytes(count);
        done();
      },
      (error: unknown) => done(diskFailure(error, 'writing a blob')),
    );
  };
  return new Writable({
    highWaterMark: bufferSize,
    write: (chunk: Buffer, _encoding, done) => put([chunk], done),
    writev: (parts, done) =>
      put(
        parts.map(({ chunk }) => chunk as Buffer),
        done,
      ),
  });
}

/** Writes all chunks from `position` on, also when the kernel takes only a part. */
export async function writeAll(
  handle: FileHandle,
  chunks: readonly Buffer[],
  position: number,
): Promise<void> {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const { bytesWritten } = await handle.writev([...chunks], position);
  if (bytesWritten === total) return;
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  for (let done = 0; done < rest.length; ) {
    const part = await handle.write(rest, done, rest.length - done, position + bytesWritten + done);
    done += part.bytesWritten;
  }
}
