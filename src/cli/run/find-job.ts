import { SdmeError } from '../../base/errors.ts';
import { isUlid } from '../../base/ulid.ts';
import type { Session } from '../session.ts';

/** Jobs named when a part of an id fits several. */
const shown = 5;

/**
 * The job that a person means: a whole id, or the only one it begins or ends with (ULIDs of one moment begin
 * alike, so the end is what tells them apart). @throws SdmeError `not-found`, `input.invalid`
 */
export async function findJob(session: Session, wanted: string): Promise<string> {
  const text = wanted.toUpperCase();
  if (isUlid(text)) return text;
  if (!/^[0-9A-Z]{4,26}$/.test(text))
    throw new SdmeError(
      'input.invalid',
      `not a job id: ${JSON.stringify(wanted)}; at least 4 letters and digits of its beginning or end are needed, see \`sdme job ls\``,
    );
  const client = await session.client();
  const ids = await client.ids();
  const matches = ids.filter((id) => id.startsWith(text) || id.endsWith(text));
  const [first, ...others] = matches;
  if (first === undefined) throw new SdmeError('not-found', `no job found matching '${wanted}'`);
  if (others.length > 0) {
    const more = matches.length > shown ? ` and ${matches.length - shown} more` : '';
    throw new SdmeError(
      'input.invalid',
      `ambiguous job '${wanted}', could match: ${matches.slice(0, shown).join(', ')}${more}`,
    );
  }
  return first;
}
