import { fileURLToPath } from 'node:url';
import type { Context } from '../../base/context.ts';
import { fromErrorRecord, SdmeError } from '../../base/errors.ts';
import type { Capability } from '../../system/capabilities.ts';
import { startConfinedNode } from '../../system/exec/confined-node.ts';
import type { UidShift } from '../uid-shift.ts';
import { type ShiftMessage, type ShiftStart, shiftMessage } from './protocol.ts';

/**
 * What giving files away needs as root: owners (CHOWN), modes of files of others (FOWNER, FSETID), directories of any
 * mode (DAC_OVERRIDE), security.capability (SETFCAP).
 */
const shiftCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'SETFCAP',
] as const satisfies readonly Capability[];
/** V8's heap of the child, its main thread's. */
const heapMegabytes = 128;

export interface TreeToShift {
  /** Arguments of mount(8) that make the tree; only the shifter sees them. */
  readonly mounts: readonly (readonly string[])[];
  /** The tree's root directory. */
  readonly root: string;
  /** A file of ours beside the tree, for what must not be lost when the shifter is killed. */
  readonly notes: string;
  readonly shift: UidShift;
  /** Id of the progress item that counts its files. */
  readonly item: string;
  /** Threads that work on it at once. */
  readonly threads: number;
  /** Milliseconds between two reports of progress; 200 are enough for a person. */
  readonly progressMs?: number;
}

/**
 * Gives the files of a tree away, the root directory included, as the shift says: owners, access control lists and
 * the root user of file capabilities; set-user-ID bits and capabilities are kept. Files that were given away already
 * are passed over, so that a killed run is gone on with by the next. A process of its own does it, with the few
 * privileges that takes. Hard links of a lower layer become files of their own, as overlayfs copies each name.
 *
 * @returns how many files there are
 * @throws SdmeError `disk.full`; `syscall` naming the first files that could not be given away; `process.failed`; the
 * signal's reason once the process is gone
 */
export async function shiftTree(ctx: Context, tree: TreeToShift): Promise<number> {
  ctx.signal.throwIfAborted();
  const item = ctx.progress.item(tree.item, { label: 'files', unit: 'files' });
  let result: number | undefined;
  let problem: SdmeError | undefined;
  let total: number | undefined;
  const announce = (files: number): void => ctx.log.info(`pre-chown: shifting ${files} files`);
  const hear = (message: ShiftMessage): void => {
    switch (message.type) {
      case 'counted':
        total = message.files;
        announce(total);
        item.set(0, total);
        return;
      case 'progress':
        item.set(Math.min(message.files, total ?? message.files), total);
        return;
      case 'done':
        result = message.files;
        return;
      case 'failed':
        problem = fromErrorRecord(message.error);
        return;
      default:
        message satisfies never;
    }
  };
  const { mounts, item: _item, ...rest } = tree;
  const child = startConfinedNode({
    entry: fileURLToPath(new URL('./child.ts', import.meta.url)),
    argument: JSON.stringify({ progressMs: 200, ...rest, parent: process.pid } satisfies ShiftStart),
    capabilities: shiftCapabilities,
    heap: heapMegabytes,
    mounts,
    onLine: (line) => {
      try {
        hear(shiftMessage.parse(JSON.parse(line)));
      } catch (cause) {
        problem = new SdmeError('internal', 'the shifter said something that is no answer', { cause });
        child.kill();
      }
    },
  });
  const abort = (): void => child.kill();
  ctx.signal.addEventListener('abort', abort, { once: true });
  try {
    const how = await child.ended;
    ctx.signal.throwIfAborted();
    if (problem !== undefined) throw problem;
    if (result === undefined) throw new SdmeError('process.failed', `giving files away ${how}`);
    if (total === undefined) announce(result);
    item.set(result, result);
    item.end();
    return result;
  } finally {
    ctx.signal.removeEventListener('abort', abort);
  }
}
