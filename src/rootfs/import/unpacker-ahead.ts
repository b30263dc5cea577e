import type { Context } from '../../base/context.ts';
import type { Unpacker } from '../unpack/child-process.ts';
import { prepareUnpacking, type UnpackRules } from '../unpack/unpack.ts';

/** An unpacker that is started while it is still to be found out what there is to unpack. Disposing ends it. */
export interface UnpackerAhead extends AsyncDisposable {
  /** It, unless it was not started or was let go. */
  readonly unpacker: Unpacker | undefined;
  /** Ends it: its import has to wait for others, and each that waits would keep a process and its memory. */
  letGo(): void;
}

/** Starts one, unless its import would only wait with it. */
export function startUnpackerAhead(ctx: Context, rules: UnpackRules): UnpackerAhead {
  let unpacker = ctx.hasFreeSlot('disk') ? prepareUnpacking(rules) : undefined;
  let ending = Promise.resolve();
  const letGo = (): void => {
    if (unpacker === undefined) return;
    ending = Promise.resolve(unpacker[Symbol.asyncDispose]());
    // Heard of where it is waited for.
    ending.catch(() => {});
    unpacker = undefined;
  };
  return {
    get unpacker() {
      return unpacker;
    },
    letGo,
    [Symbol.asyncDispose]: async () => {
      letGo();
      await ending;
    },
  };
}
