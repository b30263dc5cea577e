import { constants } from 'node:os';
import { SdmeError } from '../base/errors.ts';
import { checked } from './failure.ts';
import { PR_SET_PDEATHSIG } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/**
 * Has the kernel kill this process when its parent dies. The parent may have died before, so its pid is compared.
 * Call it on the main thread. @throws SdmeError `state.conflict` when the parent is gone already
 */
export function dieWithParent(parentPid: number): void {
  const result = libc().prctl(PR_SET_PDEATHSIG, constants.signals.SIGKILL, 0, 0, 0);
  checked('prctl', result, () => 'cannot tie this process to its parent');
  if (process.ppid !== parentPid) throw new SdmeError('state.conflict', 'the parent process is gone');
}
