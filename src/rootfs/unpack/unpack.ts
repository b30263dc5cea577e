import type { Context, ProgressItem } from '../../base/context.ts';
import type { Digest } from '../../base/digests.ts';
import { SdmeError } from '../../base/errors.ts';
import { startUnpacker, type Unpacker } from './child-process.ts';
import { type LayerSource, openLayer } from './layer-source.ts';
import type { LayerOrder, UnpackLimits, UnpackPolicy } from './protocol.ts';

export type { LayerSource } from './layer-source.ts';
export type { UnpackLimits, UnpackPolicy } from './protocol.ts';

/** A layer that is ready to be unpacked. What is given of digest, size and diff id is checked. */
export interface LayerInput {
  /** How errors and progress name it, e.g. a short digest. */
  readonly label: string;
  /** Id of its progress item; default `unpack-<n>`. */
  readonly itemId?: string;
  readonly file: LayerSource;
  /** Of the bytes as they lie in the file. */
  readonly digest?: Digest;
  readonly size?: number;
  /** Of the plain tar. */
  readonly diffId?: Digest;
}

/** What holds for a whole unpacking. */
export interface UnpackRules {
  readonly limits: Partial<UnpackLimits> & Pick<UnpackLimits, 'bytes' | 'entries'>;
  readonly policy?: Partial<UnpackPolicy>;
}

export interface UnpackOptions extends UnpackRules {
  /** An empty directory, mode 0700; it gets its final mode at the end. */
  readonly target: string;
  /** Layers from the lowest up, each given when it is ready. Iteration stops at the first failure. */
  readonly layers: AsyncIterable<LayerInput> | Iterable<LayerInput>;
  /** A child for the same rules that was started before; default: one of its own. */
  readonly unpacker?: Unpacker;
}

export interface Unpacked {
  /** Bytes of file content written. */
  readonly bytes: number;
  /** Entries of all layers, whiteouts included. */
  readonly entries: number;
  /** What was left out, for people. */
  readonly notes: readonly string[];
}

/** Deeper than any real tree; systemd's limit is 128, for a path of 4095 bytes. */
const defaultDepth = 512;
/** systemd's limit too. */
const defaultLayers = 4096;

function allLimits({ limits }: UnpackRules): UnpackLimits {
  return { depth: defaultDepth, layers: defaultLayers, ...limits };
}

/**
 * Starts the child that {@link unpackLayers} needs, for callers that still wait for something else: it takes about as
 * long as a small download. Disposing ends it.
 */
export function prepareUnpacking(rules: UnpackRules): Unpacker {
  const policy: UnpackPolicy = { devices: 'create', whiteouts: 'apply', ...rules.policy };
  return startUnpacker({ limits: allLimits(rules), policy });
}

/**
 * Unpacks layers into `target`, in order, in one confined child process (design, section 5). Digests, sizes and
 * diff ids are checked in the same pass: on any error the target holds a part of the tree and must be thrown away.
 * Owners are kept as numbers; whoever maps them into a range refuses what lies outside (catalogue D7).
 *
 * @throws SdmeError `unpack.*`, `oci.digest-mismatch`, `disk.full`, `io`, naming layer and entry; what `layers`
 * throws; the reason of `ctx.signal`. The child is gone by then.
 */
export async function unpackLayers(ctx: Context, options: UnpackOptions): Promise<Unpacked> {
  ctx.signal.throwIfAborted();
  const limits = allLimits(options);
  const unpacker = options.unpacker ?? prepareUnpacking(options);
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(ctx.signal.reason);
  ctx.signal.addEventListener('abort', abort, { once: true });
  unpacker.enter(options.target);
  const applying = applyAll(ctx, unpacker, options.layers, limits);
  try {
    const { bytes, entries, notes } = await Promise.race([applying, aborted.promise]);
    return { bytes, entries, notes };
  } finally {
    ctx.signal.removeEventListener('abort', abort);
    await unpacker[Symbol.asyncDispose]();
    // The child's end ends this too, whatever it waited for; layers that are open get closed.
    await Promise.allSettled([applying]);
  }
}

async function applyAll(
  ctx: Context,
  unpacker: Unpacker,
  layers: UnpackOptions['layers'],
  limits: UnpackLimits,
): Promise<Unpacked> {
  let count = 0;
  for await (const layer of untilFailure(layers, unpacker.failed)) {
    count += 1;
    if (count > limits.layers) {
      throw new SdmeError('unpack.limit', `the image has more than ${limits.layers} layers`);
    }
    await applyLayer(ctx, unpacker, layer, `unpack-${count}`);
  }
  return unpacker.finish();
}

/** The layers, ending with an error as soon as the child fails, also while the next one is waited for. */
async function* untilFailure(
  layers: UnpackOptions['layers'],
  failed: Promise<never>,
): AsyncGenerator<LayerInput, void, void> {
  const iterator =
    Symbol.asyncIterator in layers ? layers[Symbol.asyncIterator]() : layers[Symbol.iterator]();
  let complete = false;
  try {
    for (;;) {
      const next = await Promise.race([Promise.resolve(iterator.next()), failed]);
      if (next.done === true) {
        complete = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: it may be waiting for a download, which its owner ends.
    if (!complete) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

async function applyLayer(
  ctx: Context,
  unpacker: Unpacker,
  layer: LayerInput,
  defaultId: string,
): Promise<void> {
  const { label, digest, size, diffId } = layer;
  await using file = await openLayer(layer.file);
  const item: ProgressItem = ctx.progress.item(layer.itemId ?? defaultId, {
    label: `unpack ${label}`,
    unit: 'bytes',
    ...(size === undefined ? {} : { total: size }),
  });
  const order: LayerOrder = {
    label,
    ...(digest === undefined ? {} : { digest }),
    ...(size === undefined ? {} : { size }),
    ...(diffId === undefined ? {} : { diffId }),
    ...(file.beyond === undefined ? {} : { grows: true }),
  };
  const { fd, beyond } = file;
  try {
    await unpacker.apply({ order, fd, beyond, onBytes: (bytes) => item.set(bytes) });
  } catch (error) {
    // A stream that broke off makes a layer that is cut: its own error says why.
    await Promise.race([file.complete, Promise.resolve()]);
    throw error;
  }
  await file.complete;
  item.end();
}
