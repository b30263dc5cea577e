import { xattrFate } from '../unpack/xattr-rules.ts';

/**
 * Whether a copied file keeps an extended attribute. What the unpacker drops as belonging to another machine or to
 * an overlay is dropped here too; what it merely has no right to set (ACLs, other `trusted.*`) is kept, as a copy is
 * made by root.
 */
export function keepsXattr(name: string): boolean {
  return xattrFate(name) !== 'drop';
}
