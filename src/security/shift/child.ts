/*
 * The shifter's process: started by `shift-tree.ts` with a ShiftStart as its argument, in a mount namespace in
 * which the tree is mounted; answers go to standard output.
 */
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { toErrorRecord } from '../../base/errors.ts';
import { openDirectory } from '../../system/descriptor.ts';
import { pathsThroughProc } from '../../system/owner-calls.ts';
import { dieWithParent } from '../../system/process-ties.ts';
import { syncFileSystem } from '../../system/sync-file-system.ts';
import { shareWork, startHelpers } from './all-threads.ts';
import { countTree } from './count-tree.ts';
import { forgetPrivileges, notePrivileges, readPrivileges, shiftPrivilegedFile } from './privileges.ts';
import { addProblem, noProblems, type Problems, refuseProblems, sumProblems } from './problems.ts';
import type { ShiftMessage, ShiftStart } from './protocol.ts';
import { entriesDone, newSharedWork, type SharedWork } from './shared-work.ts';
import { newScratch, type PrivilegedFile, shiftRoot } from './shift-directory.ts';

function say(message: ShiftMessage): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let at = 0; at < line.length; ) at += writeSync(1, line, at);
}

/** Tells how far the work is, from time to time. What is over before the first time is not worth the counting. */
function teller(work: SharedWork, { progressMs }: ShiftStart): () => void {
  let counted = false;
  let next = performance.now() + progressMs;
  return () => {
    if (performance.now() < next) return;
    if (!counted) say({ type: 'counted', files: countTree(work.rootFd) });
    counted = true;
    say({ type: 'progress', files: entriesDone(work) });
    next = performance.now() + progressMs;
  };
}

function shiftPrivileged(rootFd: number, files: readonly PrivilegedFile[], { shift }: ShiftStart): Problems {
  let problems = noProblems;
  for (const file of files) {
    try {
      shiftPrivilegedFile(rootFd, file, shift);
    } catch (error) {
      problems = addProblem(problems, error, file.path);
    }
  }
  return problems;
}

async function shiftTree(start: ShiftStart): Promise<number> {
  using root = openDirectory(start.root);
  const work = newSharedWork(root.fd, start.shift);
  const helpers = startHelpers(work, start.threads);
  // What an earlier process noted before it was killed: it may have taken privileges and not put them back.
  const before = shiftPrivileged(root.fd, readPrivileges(start.notes), start);
  const spared: PrivilegedFile[] = [];
  let problems = before;
  shiftRoot({
    ...work,
    scratch: newScratch(),
    pathsIn: pathsThroughProc,
    enter: () => {},
    spare: (file) => void spared.push(file),
    report: (error, path) => {
      problems = addProblem(problems, error, path);
    },
  });
  const found = await shareWork(work, helpers, teller(work, start));
  if (found.spared.length > 0) await notePrivileges(start.notes, found.spared);
  const after = shiftPrivileged(root.fd, found.spared, start);
  refuseProblems(sumProblems([problems, found.problems, after]));
  // Once its end is told it must outlast a power failure.
  syncFileSystem(root.fd);
  await forgetPrivileges(start.notes);
  return entriesDone(work);
}

try {
  const start: ShiftStart = JSON.parse(process.argv[2] ?? '');
  dieWithParent(start.parent);
  flushCompileCache();
  say({ type: 'done', files: await shiftTree(start) });
} catch (error) {
  say({ type: 'failed', error: toErrorRecord(error) });
  process.exitCode = 1;
}
