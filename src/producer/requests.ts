import type { z } from 'zod';
import { SdmeError } from '../base/errors.ts';
import {
  type Contract,
  contracts,
  type InputOf,
  isJobKind,
  type JobKind,
  type ResultOf,
} from '../contracts/index.ts';
import { type JobRequest, jobBody, newJobBody, sealEnvelope } from '../queue/envelope.ts';
import type { NewJob } from '../queue/submission.ts';

/** The contracts by kind, with the kind's own types kept for a kind known only as a type parameter. */
const byKind: { readonly [Kind in JobKind]: Contract<Kind, InputOf<Kind>, ResultOf<Kind>> } = contracts;

/** The name of a kind. @throws SdmeError `input.invalid` */
export function parseKind(text: string): JobKind {
  if (isJobKind(text)) return text;
  throw new SdmeError('input.invalid', `unknown kind of job ${JSON.stringify(text)}`);
}

/**
 * A job ready to be submitted, once its input has passed its schema and it fits into an envelope. Nothing is
 * written. @throws SdmeError `input.invalid` naming what is wrong where
 */
export function prepareJob<Kind extends JobKind>(
  kind: Kind,
  input: unknown,
  request: JobRequest & { readonly replaces?: string },
): NewJob {
  const contract = byKind[kind];
  const parsed = contract.input.safeParse(input);
  if (!parsed.success) {
    throw new SdmeError('input.invalid', `the input of ${kind} is not valid: ${onOneLine(parsed.error)}`);
  }
  const { replaces, ...rest } = request;
  const body = newJobBody(contract, parsed.data, rest);
  // What a worker would refuse as no job of ours is refused here, with the caller's own words.
  const checked = jobBody.safeParse(body);
  if (!checked.success) {
    throw new SdmeError('input.invalid', `the ${kind} job cannot be submitted: ${onOneLine(checked.error)}`);
  }
  sealEnvelope(body);
  return {
    body,
    subject: contract.subject(parsed.data),
    attempts: contract.retry.attempts,
    ...(replaces === undefined ? {} : { replaces }),
  };
}

/** The result of a kind, as its schema has it. @throws SdmeError `internal` when the queue holds something else */
export function parseResult<Kind extends JobKind>(kind: Kind, result: unknown): ResultOf<Kind> {
  const parsed = byKind[kind].result.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new SdmeError('internal', `the result of a ${kind} job is not valid: ${onOneLine(parsed.error)}`);
}

function onOneLine(error: z.ZodError): string {
  return error.issues
    .map((issue) => (issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`))
    .join('; ');
}
