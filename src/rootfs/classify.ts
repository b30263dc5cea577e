import { basename } from 'node:path/posix';
import { SdmeError } from '../base/errors.ts';

/** The parts of an image configuration that classification looks at. */
export interface ClassifiedConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly exposedPorts: readonly string[];
}

export type ImageClass = 'base' | 'app';

/** `auto` classification: ports mean an application, one bare shell word means a base OS (contract 6.3). */
export function classifyImage(config: ClassifiedConfig): ImageClass {
  if (config.exposedPorts.length > 0 || config.entrypoint.length > 0) return 'app';
  const [shell, ...others] = config.cmd;
  if (shell === undefined || others.length > 0) return 'app';
  return ['bash', 'sh'].includes(basename(shell)) ? 'base' : 'app';
}

/** What the person asked for. */
export interface ImageRequest {
  readonly ociMode: 'auto' | 'base' | 'app';
  readonly baseFs?: string | undefined;
  readonly force: boolean;
}

/** How an image is imported; `raw` is an application taken as it is because of `-f`. */
export type ImageTreatment =
  | { readonly as: 'base' }
  | { readonly as: 'raw' }
  | { readonly as: 'app'; readonly baseFs: string };

/** Refuses flags that contradict each other, before anything is fetched. @throws SdmeError `input.invalid` */
export function checkImageRequest({ ociMode, baseFs }: ImageRequest): void {
  if (ociMode === 'base' && baseFs !== undefined) {
    throw new SdmeError('input.invalid', '--base-fs cannot be used with --oci-mode=base');
  }
}

/** Refuses what only an image can be imported as, of a source that is none. @throws SdmeError `input.invalid` */
export function checkNoImage({ ociMode, baseFs }: Pick<ImageRequest, 'ociMode' | 'baseFs'>): void {
  const flag = ociMode === 'app' ? '--oci-mode=app' : '--base-fs';
  if (ociMode !== 'app' && baseFs === undefined) return;
  throw new SdmeError('input.invalid', `${flag} is for OCI images; this source is a plain root filesystem`);
}

/** What an image of a class is taken as: what the person said, or else what it looks like. */
export function takenAs(image: ImageClass, { ociMode }: Pick<ImageRequest, 'ociMode'>): ImageClass {
  return ociMode === 'auto' ? image : ociMode;
}

/** How an image of a class is imported under a request (contract 6.3). @throws SdmeError `input.invalid` */
export function decideTreatment(image: ImageClass, request: ImageRequest): ImageTreatment {
  if (takenAs(image, request) === 'base') return { as: 'base' };
  if (request.baseFs !== undefined) return { as: 'app', baseFs: request.baseFs };
  if (request.ociMode === 'auto' && request.force) return { as: 'raw' };
  throw new SdmeError(
    'input.invalid',
    request.ociMode === 'app'
      ? '--oci-mode=app needs a base rootfs; use --base-fs <name>'
      : 'the image appears to be an application container; use --base-fs <name> to put it on a base rootfs, --oci-mode=base to import it as an operating system, or -f to import it as it is',
  );
}
