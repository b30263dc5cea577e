import { join } from 'node:path';
import type { Context } from '../../base/context.ts';
import { SdmeError } from '../../base/errors.ts';
import type { FsImportInput, FsImportResult } from '../../contracts/fs-import.ts';
import { makeStaging, type Staging } from '../../system/fs/staging.ts';
import { checkImageRequest, checkNoImage } from '../classify.ts';
import { type DetectedSource, detectByText, detectPath } from '../detect.ts';
import { diskError } from '../disk-errors.ts';
import { downloadFile } from '../download/file.ts';
import { clearStale } from '../gc.ts';
import { missingParts } from '../inspect.ts';
import { prepareTree } from '../prepare/prepare.ts';
import { factsOf } from '../source-facts.ts';
import { type ImportStore, makeStore } from '../store.ts';
import { checkBase, checkName } from './check-target.ts';
import { commitImport } from './commit.ts';
import { fillFromDirectory } from './fill-directory.ts';
import { fillFromImage } from './fill-image.ts';
import { fillFromTarball } from './fill-tarball.ts';
import type { Filled } from './filled.ts';
import { committedResult } from './records.ts';
import type { Applications, ImportWork } from './work.ts';

/** What the source is; a URL is downloaded first, and what came is looked at. */
async function detect(work: ImportWork): Promise<Exclude<DetectedSource, { kind: 'url' }>> {
  const { ctx, store, input } = work;
  ctx.progress.step('resolve');
  const detected =
    detectByText(input.source) ?? detectPath(input.source, await factsOf(input.source, ctx.signal));
  if (detected.kind !== 'url') return detected;
  ctx.progress.step('download');
  const file = join(await work.scratch(), 'download');
  const item = ctx.progress.item('download', { label: detected.url, unit: 'bytes' });
  const { contentType, size } = await downloadFile(ctx, {
    url: detected.url,
    file,
    settings: store.settings,
    item,
    environment: store.images.environment,
  });
  ctx.log.info(`downloaded ${detected.url}`, { bytes: size, type: contentType });
  const found = detectPath(file, await factsOf(file, ctx.signal));
  if (found.kind === 'url') throw new SdmeError('internal', 'a file was detected as a URL');
  return found;
}

async function fill(work: ImportWork): Promise<Filled> {
  const source = await detect(work);
  const { ctx, store, input, tree } = work;
  const isImage = source.kind !== 'directory' && source.kind !== 'tarball';
  if (!isImage) checkNoImage(input);
  switch (source.kind) {
    case 'directory':
      return fillFromDirectory(ctx, store, source.path, tree);
    case 'tarball':
      return fillFromTarball(work, source);
    case 'archive':
    case 'layout':
    case 'registry':
      return fillFromImage(work, source);
  }
}

/** Applications that are taken as they are get no packages; what they lack is said. */
function warnRawApplication({ ctx, tree }: ImportWork): void {
  const missing = missingParts(tree);
  if (missing.length > 0)
    ctx.log.warn(`${missing.join(' and ')} not found in rootfs; going on because of -f`);
}

async function fillAndCommit(work: ImportWork, staging: Staging): Promise<FsImportResult> {
  const { ctx, store, input, tree } = work;
  const filled = await fill(work);
  ctx.progress.step('prepare');
  // An application's base was prepared when it was imported itself.
  const onBase = filled.image?.application !== undefined;
  const raw = !onBase && filled.image?.class === 'app' && input.ociMode !== 'base';
  if (raw) warnRawApplication(work);
  else if (!onBase) await ctx.withSlot('disk', () => prepareTree(ctx, store, tree, input));
  return commitImport(work, staging, filled);
}

/**
 * Imports a source as the rootfs `input.name`: detects what it is, downloads, unpacks or copies it into a staging
 * directory, prepares it for booting, and renames it into its place. However it ends, the store holds the old
 * rootfs or the new one whole, and nothing else; run again by the same job it converges on the same end. The caller
 * holds the lock of the name.
 *
 * @throws SdmeError with every code of import: `exists`, `in-use`, `not-found`, `source.unsupported`, `oci.*`,
 * `unpack.*`, `disk.full`, `rootfs.incomplete`, `process.failed`, `input.invalid`; the signal's reason
 */
export async function importRootfs(
  ctx: Context,
  store: ImportStore,
  input: FsImportInput,
  applications?: Applications,
): Promise<FsImportResult> {
  const { layout } = store;
  checkImageRequest(input);
  await makeStore(store);
  await clearStale(ctx, store, input.name);
  const done = await committedResult(layout, input.name, ctx.jobId);
  if (done !== undefined) return done;
  await checkName(layout, input);
  if (input.baseFs !== undefined) await checkBase(layout, input.baseFs);
  const place = layout.rootfsDir(input.name);
  await using cleanup = new AsyncDisposableStack();
  const staging = cleanup.use(await makeStaging(place, 'import'));
  let scratch: Promise<string> | undefined;
  const makeScratch = async (): Promise<string> => cleanup.use(await makeStaging(place, 'download')).path;
  const work: ImportWork = {
    ctx,
    store,
    input,
    applications,
    tree: staging.path,
    scratch: () => {
      scratch ??= makeScratch();
      return scratch;
    },
  };
  try {
    return await fillAndCommit(work, staging);
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw diskError(error, layout.fsDir);
  }
}
