import { fchmodSync } from 'node:fs';
import { checked } from './failure.ts';
import { O_CLOEXEC } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/** The two ends of a pipe(7): open, close-on-exec, the caller's to close. */
export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/**
 * Makes a pipe that whoever it is handed to may open anew, as /dev/stderr: Node's own are sockets, which nobody can,
 * and a pipe's owner is not among the users of a container that has its own. Its mode lets nobody else in, as the only
 * way to it leads through the descriptors of a process. @throws SdmeError `syscall`
 */
export function openPipe(): Pipe {
  const fds = Buffer.alloc(8);
  checked('pipe2', libc().pipe2(fds, O_CLOEXEC), () => 'cannot make a pipe');
  const pipe = { readEnd: fds.readInt32LE(0), writeEnd: fds.readInt32LE(4) };
  fchmodSync(pipe.writeEnd, 0o666);
  return pipe;
}
