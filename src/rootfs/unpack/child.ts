/*
 * The unpacker's process: started by `child-process.ts`, with a ChildStart as its argument, layers coming on
 * descriptor 3 and answers going to standard output. Everything that strangers made is read after `confine`.
 */
import { closeSync, writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { SdmeError, toErrorRecord, toSdmeError } from '../../base/errors.ts';
import type { Decoder } from '../../system/decode/decoder.ts';
import { igzipDecoders } from '../../system/decode/igzip.ts';
import { receivePacket } from '../../system/descriptor-passing.ts';
import { dieWithParent } from '../../system/process-ties.ts';
import { confine, loadEverything } from './confine.ts';
import { LayerReader } from './layer-reader.ts';
import type { ChildMessage, ChildStart, Growth, LayerOrder, RootOrder } from './protocol.ts';
import { Tally } from './tally.ts';
import { TreeWriter } from './tree-writer.ts';

const layersSocket = 3;
/** Milliseconds between two messages about progress. */
const progressInterval = 200;

function say(message: ChildMessage): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let at = 0; at < line.length; ) at += writeSync(1, line, at);
}

function progress(): (bytes: number) => void {
  let next = performance.now() + progressInterval;
  return (bytes) => {
    if (performance.now() < next) return;
    next = performance.now() + progressInterval;
    say({ type: 'progress', bytes });
  };
}

/** An error of a layer names it. */
function inLayer(label: string, thrown: unknown): SdmeError {
  const error = toSdmeError(thrown);
  return new SdmeError(error.code, `cannot unpack layer ${label}: ${error.message}`, {
    facts: { ...error.facts, layer: label },
    cause: error.cause,
    retryable: error.retryable,
  });
}

/** Waits until more than `have` bytes of a layer's file are there. */
function askForMore(have: number): number {
  say({ type: 'more', have });
  const packet = receivePacket(layersSocket);
  if (packet === undefined) throw new SdmeError('internal', 'the rest of the layer does not come');
  const growth: Growth = JSON.parse(packet.text);
  return growth.length;
}

async function unpack(start: ChildStart, gzip: (() => Decoder) | undefined): Promise<void> {
  const tally = new Tally(start.limits);
  const writer = new TreeWriter(start.limits, start.policy, tally);
  const reader = new LayerReader(tally, writer, gzip);
  for (let packet = receivePacket(layersSocket); packet; packet = receivePacket(layersSocket)) {
    // Written by our parent with the type LayerOrder; it checked the digests' form.
    const order: LayerOrder = JSON.parse(packet.text);
    if (packet.fd === undefined) throw new SdmeError('internal', 'a layer came without its file');
    try {
      say({ type: 'layer', bytes: await reader.read(packet.fd, order, { onBytes: progress(), askForMore }) });
    } catch (error) {
      throw inLayer(order.label, error);
    } finally {
      closeSync(packet.fd);
    }
  }
  writer.endTree();
  say({ type: 'done', bytes: tally.contentBytes, entries: tally.entries, notes: tally.notes });
}

try {
  const start: ChildStart = JSON.parse(process.argv[2] ?? '');
  dieWithParent(start.parent);
  flushCompileCache();
  // A library must be loaded while the root is still the machine's own.
  const gzip = igzipDecoders();
  await loadEverything();
  const packet = receivePacket(layersSocket);
  // Without a word: whoever started us found that nothing is to be unpacked.
  if (packet !== undefined) {
    const { target }: RootOrder = JSON.parse(packet.text);
    confine(target);
    say({ type: 'ready' });
    await unpack(start, gzip);
  }
} catch (error) {
  say({ type: 'failed', error: toErrorRecord(error) });
}
// An ordinary exit would write compiled code to the cache's path, which is now a path of the stranger's tree.
process.kill(process.pid, 'SIGKILL');
