import { createHash } from 'node:crypto';
import { fstatSync, readdirSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { SdmeError } from '../../base/errors.ts';
import { type Capability, forbidNewPrivileges, keepCapabilities } from '../../system/capabilities.ts';
import { decoderFor, detectCoding } from '../../system/decode/detect.ts';
import { errnoOf } from '../../system/failure.ts';
import { removeXattr } from '../../system/file-calls.ts';
import { changeRoot } from '../../system/root-directory.ts';
import { denyDangerousCalls } from '../../system/seccomp.ts';

/**
 * What unpacking needs as root: giving files away (CHOWN), writing below directories of any mode and owner
 * (DAC_OVERRIDE), modes, times and attributes of files of others (FOWNER), set-group-ID bits (FSETID), devices
 * (MKNOD), security.capability (SETFCAP). Not SYS_ADMIN, which other security.* and trusted.* attributes need.
 */
export const unpackCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'MKNOD',
  'SETFCAP',
] as const satisfies readonly Capability[];

/** What the process may have from its start: capabilities are a thread's, so that all threads begin with these only. */
export const startCapabilities = [
  ...unpackCapabilities,
  'SYS_CHROOT',
] as const satisfies readonly Capability[];

/**
 * Loads what is loaded on first use. Comes before {@link confine}, as nothing of this machine can be loaded later, and
 * nothing of the image must be.
 */
export async function loadEverything(): Promise<void> {
  for (const algorithm of ['sha256', 'sha512']) createHash(algorithm).update('x').digest('hex');
  const text = Buffer.from('x');
  for (const compressed of [text, gzipSync(text), zstdCompressSync(text)]) {
    using decoder = decoderFor(detectCoding(compressed));
    await decoder.decode({ buffer: compressed, start: 0, end: compressed.length }, Buffer.alloc(16));
  }
}

/** A directory that stays open would lead out of the new root (openat with ".."). */
function refuseOpenDirectories(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (fstatSync(Number(name)).isDirectory()) {
        throw new SdmeError('internal', `descriptor ${name} of the unpacker is a directory`);
      }
    } catch (error) {
      // The descriptor that listed them is closed by now.
      if (errnoOf(error) !== 'EBADF') throw error;
    }
  }
}

/**
 * Confines this process to the empty directory `target`, for good: it becomes the root, all capabilities but
 * {@link unpackCapabilities} go, and calls that could lead out are denied to every thread.
 *
 * @throws SdmeError `state.conflict` when the directory is not empty
 */
export function confine(target: string): void {
  process.umask(0);
  refuseOpenDirectories();
  changeRoot(target);
  if (readdirSync('/').length > 0) throw new SdmeError('state.conflict', `${target} is not empty`);
  // Inherited from the directory above it, a default access control list would change the modes of all we make.
  removeXattr(Buffer.from('/\0'), Buffer.from('system.posix_acl_default\0'));
  keepCapabilities(unpackCapabilities);
  forbidNewPrivileges();
  denyDangerousCalls();
}
