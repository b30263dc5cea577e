import { z } from 'zod';
import { formatSize } from '../../base/sizes.ts';
import { readCache } from '../../oci/index.ts';
import { printListing } from '../output/listing.ts';
import { tableLines } from '../output/table.ts';
import { formatMoment } from '../output/times.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(listingOptions);

/** `fs cache ls`: lists cached blobs, most recently used first (contract 1.9). */
export const run: VerbRun = async ({ options, session }) => {
  const format = parseOptions(schema, options);
  const { blobs } = await readCache((await session.layout()).blobCacheDir);
  const json = blobs.map(({ digest, size, lastUse }) => ({ digest, size, last_access: Math.round(lastUse) }));
  await printListing(session, format, json, () =>
    blobs.length === 0
      ? ['no cached blobs']
      : tableLines(
          ['DIGEST', 'SIZE', 'LAST ACCESS'],
          blobs.map(({ digest, size, lastUse }) => [digest, formatSize(size), formatMoment(lastUse)]),
        ),
  );
  return 0;
};
