import { z } from 'zod';
import { errorRecord } from '../../contracts/job.ts';
import type { UidShift } from '../uid-shift.ts';

/** What the child is started with, as its only argument. Paths are trusted. */
export interface ShiftStart {
  readonly parent: number;
  /** The tree whose files are given away. */
  readonly root: string;
  readonly shift: UidShift;
  /** File in which the privileges of files are noted before they are lost; it is there while that is under way. */
  readonly notes: string;
  readonly threads: number;
  /** Milliseconds until the files are counted, and between two messages about progress. */
  readonly progressMs: number;
}

/** What the child says, one JSON text a line: how many files there are, how many it is past, how it ended. */
export const shiftMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('counted'), files: z.number() }),
  z.object({ type: z.literal('progress'), files: z.number() }),
  z.object({ type: z.literal('done'), files: z.number() }),
  z.object({ type: z.literal('failed'), error: errorRecord }),
]);
export type ShiftMessage = z.infer<typeof shiftMessage>;
