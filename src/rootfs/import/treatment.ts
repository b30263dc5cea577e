import type { Settings } from '../../config/schema.ts';
import type { FsImportInput } from '../../contracts/fs-import.ts';
import { parsePlatform, type SourceOptions } from '../../oci/index.ts';
import { type ClassifiedConfig, classifyImage, decideTreatment, type ImageTreatment } from '../classify.ts';

/** How an import wants its image read. */
export function sourceOptions({ noCache, platform }: FsImportInput): SourceOptions {
  return { noCache, ...(platform === undefined ? {} : { platform: parsePlatform(platform) }) };
}

/** The rootfs for an application: the one that was asked for, or else the configuration's. */
function baseFor(input: FsImportInput, { default_base_fs: usual }: Settings): string | undefined {
  return input.baseFs ?? (usual === '' || usual === input.name ? undefined : usual);
}

/** How an image is imported as it was asked for. @throws SdmeError `input.invalid` */
export function treatmentOf(
  config: ClassifiedConfig,
  input: FsImportInput,
  settings: Settings,
): ImageTreatment {
  return decideTreatment(classifyImage(config), { ...input, baseFs: baseFor(input, settings) });
}
