import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { SdmeError } from '../base/errors.ts';
import { newUlid } from '../base/ulid.ts';
import {
  batchId,
  type Contract,
  childName,
  flowId,
  flowName,
  hostId,
  type JobLimits,
  jobId,
} from '../contracts/index.ts';

/** The type of a job's body; signatures will cover it together with the bytes (DSSE). */
export const envelopeType = 'application/vnd.sdme.job.v1+json';

/** The largest body, in bytes. Larger things travel as paths and digests (bullmq-facts, B7). */
export const maxEnvelopeBytes = 64 * 1024;

const time = z.number().int().nonnegative();
const ms = z.number().int().positive();

/** What is inside an envelope. Times are epoch milliseconds, limits milliseconds. */
export const jobBody = z.strictObject({
  v: z.literal(1),
  id: jobId,
  kind: z.string().min(1).max(64),
  host: hostId,
  queue: z.enum(['control', 'bulk']),
  /** The kind's own schema checks this, after everything else has been checked. */
  input: z.unknown(),
  /** Key id of who asked; absent on the embedded queue, whose socket's owner is the boundary. */
  requester: z.string().max(128).optional(),
  submittedAt: time,
  /** No worker begins the job after this. */
  expiresAt: time,
  nonce: z.string().min(8).max(64),
  idempotencyKey: z.string().min(1).max(512).optional(),
  limits: z
    .strictObject({ queueMs: ms.optional(), runMs: ms.optional(), noProgressMs: ms.optional() })
    .optional(),
  batch: z.strictObject({ id: batchId, index: z.number().int().nonnegative() }).optional(),
  retryOf: jobId.optional(),
  parent: z.strictObject({ id: jobId, name: childName }).optional(),
  /** Its place in a flow; `after` are ids by name. */
  flow: z.strictObject({ id: flowId, name: flowName, after: z.record(flowName, jobId) }).optional(),
});
export type JobBody = z.output<typeof jobBody>;

/** What BullMQ carries as a job's data: type, the exact text of the body, and a place for signatures over it. */
export const envelope = z.strictObject({
  t: z.literal(envelopeType),
  p: z.string(),
  s: z.array(z.strictObject({ k: z.string().max(128), sig: z.string().max(256) })).max(8),
});
export type Envelope = z.output<typeof envelope>;

/** What a producer says about a job it submits. */
export interface JobRequest {
  readonly host: string;
  /** Default: a new ULID. */
  readonly id?: string;
  readonly now?: number;
  readonly requester?: string;
  readonly idempotencyKey?: string;
  readonly limits?: Partial<JobLimits>;
  readonly batch?: { readonly id: string; readonly index: number };
  readonly retryOf?: string;
  readonly parent?: { readonly id: string; readonly name: string };
  readonly flow?: {
    readonly id: string;
    readonly name: string;
    readonly after: Readonly<Record<string, string>>;
  };
}

/** The body of a new job of a kind; `input` is the parsed one. */
export function newJobBody<Input>(
  contract: Pick<Contract<string, Input, unknown>, 'kind' | 'queue' | 'limits'>,
  input: Input,
  request: JobRequest,
): JobBody {
  const now = request.now ?? Date.now();
  return {
    v: 1,
    id: request.id ?? newUlid(now),
    kind: contract.kind,
    host: request.host,
    queue: contract.queue,
    input,
    submittedAt: now,
    expiresAt: now + (request.limits?.queueMs ?? contract.limits.queueMs),
    nonce: randomBytes(12).toString('base64url'),
    ...(request.requester === undefined ? {} : { requester: request.requester }),
    ...(request.idempotencyKey === undefined ? {} : { idempotencyKey: request.idempotencyKey }),
    ...(request.limits === undefined ? {} : { limits: request.limits }),
    ...(request.batch === undefined ? {} : { batch: request.batch }),
    ...(request.retryOf === undefined ? {} : { retryOf: request.retryOf }),
    ...(request.parent === undefined ? {} : { parent: request.parent }),
    ...(request.flow === undefined ? {} : { flow: request.flow }),
  };
}

/** Wraps a body. @throws SdmeError `input.invalid` when it is larger than {@link maxEnvelopeBytes} */
export function sealEnvelope(body: JobBody): Envelope {
  const text = JSON.stringify(body);
  if (Buffer.byteLength(text) > maxEnvelopeBytes) {
    throw new SdmeError(
      'input.invalid',
      `the arguments of this ${body.kind} job are larger than ${maxEnvelopeBytes} bytes; pass large things by path`,
    );
  }
  return { t: envelopeType, p: text, s: [] };
}

/**
 * Checks an envelope, before anything looks at the arguments: form, size, body, and that it is meant for this
 * job id, host and queue, as BullMQ's own fields are hints that anybody with the queue could have changed.
 * @throws SdmeError `job.envelope-invalid`
 */
export function openEnvelope(
  data: unknown,
  expected: { readonly id: string; readonly host: string; readonly queue: string },
): JobBody {
  const outer = envelope.safeParse(data);
  if (!outer.success) throw invalid(`it is no envelope: ${z.prettifyError(outer.error)}`);
  const body = parseBody(outer.data.p);
  for (const field of ['id', 'host', 'queue'] as const) {
    if (body[field] !== expected[field]) {
      throw invalid(
        `it is for ${field} ${JSON.stringify(body[field])}, not ${JSON.stringify(expected[field])}`,
      );
    }
  }
  return body;
}

/** The body of a text as a record or envelope holds it. @throws SdmeError `job.envelope-invalid` */
export function parseBody(text: string): JobBody {
  // A string of n UTF-16 units has between n and 3n bytes, so most texts need no counting.
  if (text.length * 3 > maxEnvelopeBytes && Buffer.byteLength(text) > maxEnvelopeBytes) {
    throw invalid(`its body is larger than ${maxEnvelopeBytes} bytes`);
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw invalid('its body is not JSON', error);
  }
  const body = jobBody.safeParse(raw);
  if (!body.success) throw invalid(`its body is not valid: ${z.prettifyError(body.error)}`);
  return body.data;
}

function invalid(why: string, cause?: unknown): SdmeError {
  const message = `the queue holds something that is not a job of ours: ${why}`;
  return new SdmeError('job.envelope-invalid', message, cause === undefined ? {} : { cause });
}

/** JSON with the keys of every object in order, so that equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Says whether two submissions under one idempotency key ask for the same. */
export function argumentDigest(body: Pick<JobBody, 'kind' | 'host' | 'input'>): string {
  const text = canonicalJson([body.kind, body.host, body.input]);
  return createHash('sha256').update(text).digest('base64url');
}
