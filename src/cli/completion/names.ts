import { listContainerNames } from '../../nspawn/read-side.ts';
import { rootfsNames } from '../../rootfs/index.ts';
import type { Session } from '../session.ts';
import type { Completes } from '../verb.ts';
import type { Offer } from './offer.ts';

/** How many of the newest jobs completion offers. */
const mostJobs = 50;

/** Names of a kind, for completion: read-only, and quick. */
export async function namesOf(
  session: Session,
  of: Exclude<Completes, 'file' | 'nothing'>,
): Promise<Offer[]> {
  switch (of) {
    case 'container': {
      const names = await listContainerNames(await session.layout());
      return names.map((word) => ({ word, meaning: 'container' }));
    }
    case 'rootfs': {
      const names = await rootfsNames(await session.layout());
      return names.map((word) => ({ word, meaning: 'rootfs' }));
    }
    case 'job': {
      const records = await (await session.client()).list({ limit: mostJobs });
      return records.map(({ id, kind, subject, state }) => ({
        word: id,
        meaning: `${kind} ${subject} ${state}`,
      }));
    }
    case 'batch': {
      const records = await (await session.client()).list({ limit: mostJobs });
      const ids = new Set(records.flatMap(({ batch }) => (batch === undefined ? [] : [batch])));
      return [...ids].map((word) => ({ word, meaning: 'batch' }));
    }
    default:
      return of satisfies never;
  }
}
