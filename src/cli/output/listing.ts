import type { Session } from '../session.ts';

/** How a listing is printed. */
export type ListingFormat = 'text' | 'json' | 'json-pretty';

/** The format that the options, or else the settings, ask for. */
export async function listingFormat(
  session: Session,
  options: { readonly json?: boolean | undefined; readonly jsonPretty?: boolean | undefined },
): Promise<ListingFormat> {
  if (options.jsonPretty === true) return 'json-pretty';
  if (options.json === true) return 'json';
  const { default_output_format: configured } = await session.settings();
  return configured === '' ? 'text' : configured;
}

/** JSON on one line, or indented. */
export function jsonText(value: unknown, format: 'json' | 'json-pretty'): string {
  return format === 'json' ? JSON.stringify(value) : JSON.stringify(value, null, 2);
}

/** Prints a value in the format asked for; `lines` makes the text. */
export async function printListing(
  session: Session,
  options: { readonly json?: boolean | undefined; readonly jsonPretty?: boolean | undefined },
  value: unknown,
  lines: () => readonly string[],
): Promise<void> {
  const format = await listingFormat(session, options);
  if (format !== 'text') return session.output.result(jsonText(value, format));
  for (const line of lines()) session.output.result(line);
}
