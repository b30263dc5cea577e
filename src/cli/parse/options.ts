import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';

/** Options as a verb's schema reads them. @throws SdmeError `usage` */
export function parseOptions<Schema extends z.ZodType>(schema: Schema, options: unknown): z.output<Schema> {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new SdmeError('usage', problemText(parsed.error));
  return parsed.data;
}

/** A job's input from what the command line says. @throws SdmeError `input.invalid` with the field's own problem */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: z.input<Schema>,
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw new SdmeError('input.invalid', problemText(parsed.error));
  return parsed.data;
}

/** The problems of a failed parse, without the paths that people never typed. */
export function problemText(error: z.ZodError): string {
  return [...new Set(error.issues.map(({ message }) => message))].join('; ');
}

/** The object without keys whose value is undefined, as `exactOptionalPropertyTypes` wants it. */
export function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const result: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key of Object.keys(object) as (keyof T)[]) {
    const value = object[key];
    if (value !== undefined) result[key] = value as Exclude<T[typeof key], undefined>;
  }
  return result;
}

/** Options every listing has. */
export const listingOptions = { json: z.boolean().optional(), jsonPretty: z.boolean().optional() };
/** The option every changing verb has. */
export const detachOption = { detach: z.boolean().default(false) };

/** `--oci [APP]`: true without a name; absent when not given. */
export const applicationOption = z.union([z.literal(true), z.string().min(1)]).optional();

/** Refuses `--user` beside `--oci`, as an application's users are those of its image. @throws SdmeError `usage` */
export function refuseUserOfApplication({
  user,
  oci,
}: {
  readonly user?: unknown;
  readonly oci?: unknown;
}): void {
  if (user === undefined || oci === undefined) return;
  throw new SdmeError(
    'usage',
    '--user cannot be used with --oci: the command runs as root of the application',
  );
}
