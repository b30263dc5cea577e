import { SdmeError } from '../base/errors.ts';
import { showBytes } from '../base/show-bytes.ts';

/** A path or name as the kernel takes it: bytes and a NUL. @throws SdmeError `input.invalid` when it holds a NUL */
export function cString(text: string | Buffer): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  if (bytes.includes(0)) {
    throw new SdmeError('input.invalid', `a path must not hold NUL: ${showBytes(bytes)}`);
  }
  const result = Buffer.allocUnsafe(bytes.length + 1);
  bytes.copy(result);
  result[bytes.length] = 0;
  return result;
}
