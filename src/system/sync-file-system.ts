import { checked } from './failure.ts';
import { libc } from './ffi/libc.ts';

/** Has everything that was written to the file system of an open file outlast a power failure, syncfs(2). */
export function syncFileSystem(fd: number): void {
  checked('syncfs', libc().syncfs(fd), () => 'cannot write a file system to its disk');
}
