import { SdmeError } from '../base/errors.ts';
import { environmentFile, type KeptConfig } from '../rootfs/image-meta.ts';

/** Most that the kernel takes as one variable with its name (execve(2), MAX_ARG_STRLEN). */
const maxVariableBytes = 128 * 1024 - 1;
/** As much as a container reads of it when it is made, and half of what the kernel takes of arguments and variables. */
const maxEnvironmentBytes = 1024 * 1024;

/** The environment file of an application. @throws SdmeError `input.invalid` for more than a process can be given */
export function environmentText(env: KeptConfig['env']): string {
  const { text } = environmentFile(env);
  const long = env.find(([name, value]) => Buffer.byteLength(`${name}=${value}`) > maxVariableBytes);
  if (long !== undefined)
    throw new SdmeError(
      'input.invalid',
      `the image's variable ${JSON.stringify(long[0].slice(0, 100))} is longer than a process can be given`,
    );
  if (Buffer.byteLength(text) > maxEnvironmentBytes)
    throw new SdmeError('input.invalid', "the image's environment is larger than 1 MiB");
  return text;
}
