import { connect } from 'node:net';
import type { JobRecord } from '../../contracts/index.ts';
import type { Session } from '../session.ts';
import type { Completes } from '../verb.ts';
import type { Offer } from './offer.ts';

/** How many of the newest jobs completion offers. */
const mostJobs = 50;

/** Whether a server listens on a unix socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

/** The newest jobs. An embedded queue that does not run is not started for a half-typed word. */
async function newestJobs(session: Session): Promise<JobRecord[]> {
  const { queue_url: url } = await session.settings();
  if (url === '' && !(await answers((await session.layout()).queueSocket))) return [];
  return (await session.client()).list({ limit: mostJobs });
}

/** Names of a kind, for completion: read-only, and quick, so each kind loads what it needs alone. */
export async function namesOf(
  session: Session,
  of: Exclude<Completes, 'file' | 'nothing'>,
): Promise<Offer[]> {
  switch (of) {
    case 'container': {
      const { listContainerNames } = await import('../../nspawn/read-side.ts');
      const names = await listContainerNames(await session.layout());
      return names.map((word) => ({ word, meaning: 'container' }));
    }
    case 'rootfs': {
      const { rootfsNames } = await import('../../rootfs/read-side.ts');
      const names = await rootfsNames(await session.layout());
      return names.map((word) => ({ word, meaning: 'rootfs' }));
    }
    case 'job': {
      const records = await newestJobs(session);
      return records.map(({ id, kind, subject, state }) => ({
        word: id,
        meaning: `${kind} ${subject} ${state}`,
      }));
    }
    case 'batch': {
      const records = await newestJobs(session);
      const ids = new Set(records.flatMap(({ batch }) => (batch === undefined ? [] : [batch])));
      return [...ids].map((word) => ({ word, meaning: 'batch' }));
    }
    case 'kind': {
      const { contracts } = await import('../../contracts/index.ts');
      return Object.values(contracts).map(({ kind, summary }) => ({ word: kind, meaning: summary }));
    }
    case 'setting': {
      const { settingsSchema } = await import('../../config/schema.ts');
      return Object.entries(settingsSchema.shape).map(([word, { description = '' }]) => ({
        word,
        meaning: description,
      }));
    }
    case 'shell':
      return ['bash', 'zsh', 'fish'].map((word) => ({ word, meaning: 'shell' }));
    default:
      return of satisfies never;
  }
}
