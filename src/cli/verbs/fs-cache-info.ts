import { z } from 'zod';
import { formatSize } from '../../base/sizes.ts';
import { readCache } from '../../oci/index.ts';
import { printListing } from '../output/listing.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(listingOptions);
const sizeLine = (bytes: number): string => `${formatSize(bytes)} (${bytes})`;

/** `fs cache info`: what the blob cache holds (contract 1.9). */
export const run: VerbRun = async ({ options, session }) => {
  const format = parseOptions(schema, options);
  const settings = await session.settings();
  const cache = await readCache((await session.layout()).blobCacheDir);
  const limit = settings.oci_cache_max_size;
  const value = {
    directory: cache.directory,
    blobs: cache.blobs.length,
    size: cache.size,
    max_size: limit,
    enabled: limit > 0,
  };
  await printListing(session, format, value, () => [
    `directory = ${cache.directory}`,
    `blobs = ${cache.blobs.length}`,
    `size = ${sizeLine(cache.size)}`,
    limit === 0 ? 'status = disabled' : `max_size = ${sizeLine(limit)}`,
  ]);
  return 0;
};
