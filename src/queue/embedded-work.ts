import { SdmeError } from '../base/errors.ts';
import { askSocket } from './embedded-probe.ts';
import { keys } from './keys.ts';
import { liveStates } from './states.ts';

/** How many jobs of a host have not ended. @throws SdmeError `queue.unavailable` */
export async function countLiveJobs(socketPath: string, host: string): Promise<number> {
  let sum = 0;
  for (const state of liveStates) {
    const answer = await askSocket(socketPath, ['ZCARD', keys.hostState(host, state)], 2_000);
    const count = /^:([0-9]+)$/.exec(answer ?? '')?.[1];
    if (count === undefined) {
      throw new SdmeError('queue.unavailable', `the queue does not say how many jobs are ${state}`);
    }
    sum += Number(count);
  }
  return sum;
}
