import { checked } from './failure.ts';
import { CLONE_FS } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/** Gives the calling thread a working directory that no other has. unshare(2). @throws SdmeError `syscall` */
export function ownWorkingDirectory(): void {
  checked('unshare', libc().unshare(CLONE_FS), () => 'cannot get a working directory of its own');
}

/** Makes an open directory the calling thread's working directory. fchdir(2). @throws SdmeError `syscall` */
export function changeWorkingDirectory(fd: number): void {
  checked('fchdir', libc().fchdir(fd), () => 'cannot change the working directory');
}
