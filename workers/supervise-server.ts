import { describeError } from '../src/base/errors.ts';
import type { Layout } from '../src/base/paths.ts';
import { embeddedServerArguments, findServerProgram } from '../src/queue/embedded.ts';
import { probeEmbedded, shutdownEmbedded, waitEmbedded } from '../src/queue/embedded-probe.ts';
import type { Child } from '../src/system/exec/child.ts';
import { endChild, endOrAbort, pause, startOwned } from './supervise-child.ts';
import { decideRestart, describeEnd, noRestarts } from './supervise-restart.ts';

/** How long the server gets for its orderly end. */
const serverGraceMs = 10_000;
/** How long it may be silent after its start; reading its append-only file does not count. */
const startLimitMs = 15_000;

/** The embedded server while the supervisor keeps it. */
export interface KeptServer {
  /** Settles once the server takes commands. @throws the signal's reason, SdmeError `queue.unavailable` */
  readonly ready: Promise<void>;
  /** Settles once the server has been ended, or was given up after failing to start again and again. */
  readonly done: Promise<'ended' | 'gave-up'>;
}

/**
 * Starts the embedded server, and starts it again whenever it dies until `signal` aborts. A server that a dead
 * supervisor left behind is ended first: two on one append-only file would destroy it.
 */
export async function keepServer(
  layout: Layout,
  signal: AbortSignal,
  log: (message: string) => void,
): Promise<KeptServer> {
  const program = { program: await findServerProgram(), args: embeddedServerArguments(layout) };
  if ((await probeEmbedded(layout.queueSocket)) !== 'none') {
    log('ending a server that an earlier supervisor left behind');
    await shutdownEmbedded(layout.queueSocket, serverGraceMs);
  }
  const start = (): Promise<Child> => startOwned(program, 'TERM');
  const done = keep(await start(), start, signal, log);
  const gaveUp = new AbortController();
  void done.then(() => gaveUp.abort());
  const ready = waitEmbedded(layout.queueSocket, {
    timeoutMs: startLimitMs,
    signal,
    alive: () => !gaveUp.signal.aborted,
  });
  // Whoever stops early never looks at it.
  ready.catch(() => {});
  return { ready, done };
}

async function keep(
  first: Child,
  start: () => Promise<Child>,
  signal: AbortSignal,
  log: (message: string) => void,
): Promise<'ended' | 'gave-up'> {
  let child = first;
  let history = noRestarts;
  for (;;) {
    const startedAt = Date.now();
    const end = await endOrAbort(child, signal);
    if (end === undefined) {
      await endChild(child, serverGraceMs);
      return 'ended';
    }
    const decision = decideRestart(history, end, Date.now() - startedAt);
    log(`the queue's server ended with ${describeEnd(end)}; ${decision.action}`);
    if (decision.action === 'give-up') return 'gave-up';
    history = decision.history;
    await pause(decision.delayMs, signal);
    if (signal.aborted) return 'ended';
    try {
      child = await start();
    } catch (error) {
      log(`the queue's server cannot be started again: ${describeError(error)}`);
      return 'gave-up';
    }
  }
}
