import { pipeline } from 'node:stream/promises';
import { SdmeError, toSdmeError } from '../../base/errors.ts';
import type { Descriptor } from '../descriptors.ts';
import { mismatch, shortDigest } from '../digest-check.ts';
import { watchSilence } from '../http/bodies.ts';
import { networkFailure } from '../http/failures.ts';
import { pause, progressBytes, type RetryRules, retryDelay } from '../http/retry.ts';
import type { Answer } from '../http/transport.ts';
import type { BlobWriter } from './blob-writer.ts';

/** Asks for a blob from `offset` on; an answer of status 200 (whole) or 206 (part). */
export type OpenBlob = (offset: number, signal: AbortSignal) => Promise<Answer>;

export interface FetchOptions {
  readonly wanted: Descriptor;
  readonly writer: BlobWriter;
  /** Called for each attempt, as the one who asks may change. */
  readonly open: () => OpenBlob;
  readonly signal: AbortSignal;
  readonly silenceMs: number;
  readonly retry: RetryRules;
  /** Told the bytes that are here, after each write. */
  readonly onLength: (length: number) => void;
  readonly onRetry: (error: SdmeError, waitMs: number) => void;
}

/** How an answer fits what we have: to be appended, or begin again. */
export type AnswerFit = 'append' | 'restart' | 'ask-again';

/**
 * Judges an answer by its head (RFC 9110, 14.4): 200 is the whole, 206 must begin where we stopped, and what it says
 * about its length must be what the descriptor says. @throws SdmeError `oci.digest-mismatch`, `oci.protocol`
 */
export function judgeAnswer(
  answer: Pick<Answer, 'status' | 'headers'>,
  offset: number,
  wanted: Descriptor,
): AnswerFit {
  const { status, headers } = answer;
  const length = headers['content-length'];
  const what = `blob ${shortDigest(wanted.digest)}`;
  const expect = (bytes: number): void => {
    if (length !== undefined && Number(length) !== bytes) {
      throw mismatch(what, `${bytes} bytes`, `an answer of ${Number(length)} bytes`);
    }
  };
  if (status === 200) {
    expect(wanted.size);
    return offset === 0 ? 'append' : 'restart';
  }
  const range = /^bytes ([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16}|\*)$/.exec(headers['content-range'] ?? '');
  const total = range?.[3] === '*' ? wanted.size : Number(range?.[3]);
  if (
    range === null ||
    Number(range[1]) !== offset ||
    Number(range[2]) !== wanted.size - 1 ||
    total !== wanted.size
  ) {
    if (offset > 0) return 'ask-again';
    throw new SdmeError('oci.protocol', `the registry sent a part of ${what} that was not asked for`);
  }
  expect(wanted.size - offset);
  return 'append';
}

/** One attempt: asks for the rest and appends it. */
async function attempt(options: FetchOptions): Promise<void> {
  const { wanted, writer, signal } = options;
  let answer: Answer;
  try {
    answer = await options.open()(writer.length(), signal);
  } catch (error) {
    const refused = error instanceof SdmeError && error.facts.status === 416 && writer.length() > 0;
    if (!refused) throw error;
    await writer.restart();
    answer = await options.open()(0, signal);
  }
  try {
    const fit = judgeAnswer(answer, writer.length(), wanted);
    if (fit !== 'append') await writer.restart();
    if (fit === 'ask-again') {
      answer.body.destroy();
      answer = await options.open()(0, signal);
      judgeAnswer(answer, 0, wanted);
    }
  } catch (error) {
    answer.body.destroy();
    throw error;
  }
  const { host } = answer.url;
  const unwatch = watchSilence(answer.body, options.silenceMs, host);
  try {
    await pipeline(
      answer.body,
      writer.sink(() => options.onLength(writer.length())),
      { signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    throw networkFailure(error, host);
  } finally {
    unwatch();
  }
}

/**
 * Fills the writer with the blob: goes on where an attempt broke off, begins again where the registry cannot go on,
 * and gives up after the tries without progress. A whole that was put together from parts and is wrong is fetched
 * once more from the start. @throws SdmeError `oci.*`, `disk.full`; the signal's reason
 */
export async function fetchBlob(options: FetchOptions): Promise<void> {
  const { wanted, writer, signal, retry } = options;
  let tried = 0;
  let inParts = writer.length() > 0;
  while (true) {
    signal.throwIfAborted();
    const before = writer.length();
    try {
      if (before < wanted.size || wanted.size === 0) await attempt(options);
      writer.check();
      return;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = toSdmeError(thrown);
      if (error.code === 'oci.digest-mismatch' && inParts) {
        inParts = false;
        await writer.restart();
        continue;
      }
      tried = writer.length() - before >= progressBytes ? 1 : tried + 1;
      inParts = writer.length() > 0;
      const waitMs = retryDelay(error, tried, retry, Math.random());
      if (waitMs === undefined) throw error;
      options.onRetry(error, waitMs);
      await pause(waitMs, signal);
    }
  }
}
