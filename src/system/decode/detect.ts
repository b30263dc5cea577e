import { type Decoder, damaged } from './decoder.ts';
import { gzipDecoder } from './gzip.ts';
import { plainDecoder } from './plain.ts';
import { zstdDecoder } from './zstd.ts';

/** How data is compressed, by its first bytes; media types are not believed (F13). */
export type Coding = 'plain' | 'gzip' | 'zstd' | 'xz' | 'bzip2';

/** The coding of data that begins with `head`; four bytes tell it, if there are as many. */
export function detectCoding(head: Buffer): Coding {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  if (a === 0xfd && b === 0x37 && c === 0x7a && d === 0x58) return 'xz';
  if (a === 0x42 && b === 0x5a && c === 0x68) return 'bzip2';
  return 'plain';
}

/** The decoder of a coding; `gzip` makes those of gzip. @throws SdmeError `unpack.format` for those no layer may have */
export function decoderFor(coding: Coding, gzip: () => Decoder = gzipDecoder): Decoder {
  switch (coding) {
    case 'plain':
      return plainDecoder();
    case 'gzip':
      return gzip();
    case 'zstd':
      return zstdDecoder();
    case 'xz':
    case 'bzip2':
      throw damaged(`it is compressed with ${coding}, which layers must not be; only gzip and zstd are`);
  }
}
