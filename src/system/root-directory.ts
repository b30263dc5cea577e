import { cString } from './c-string.ts';
import { checked } from './failure.ts';
import { libc } from './ffi/libc.ts';

/** Makes a directory the root and working directory of this process, all threads; chroot(2) needs CAP_SYS_CHROOT. */
export function changeRoot(path: string): void {
  checked('chroot', libc().chroot(cString(path)), () => `cannot make ${path} the root directory`);
  process.chdir('/');
}
