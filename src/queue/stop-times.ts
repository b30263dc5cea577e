/** Milliseconds that handlers get to undo their work after they were told to end. */
export const undoLimitMs = 10_000;
/** Milliseconds that the queue gets to hear how the jobs in hand have ended. */
export const farewellLimitMs = 3_000;
/** What the end of the process itself may take on top, before whoever stops it may take it to hang. */
const spareMs = 7_000;

/** Milliseconds after which a worker that was told to stop is killed: more than all its own limits together. */
export function workerStopMs(graceSeconds: number): number {
  return graceSeconds * 1_000 + undoLimitMs + farewellLimitMs + spareMs;
}
