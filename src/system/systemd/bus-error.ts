import { SdmeError } from '../../base/errors.ts';

/** What an error reply says: its name, e.g. `org.freedesktop.systemd1.NoSuchUnit`, and its text. */
export interface BusErrorText {
  readonly name: string | undefined;
  readonly text: string;
}

/** An error reply as an error of ours: code `dbus`, the reply's name in the fact `name`. `what` is the method. */
export function busError(what: string, { name, text }: BusErrorText, cause: unknown): SdmeError {
  const said = text === '' ? (name ?? 'no reason given') : text;
  return new SdmeError('dbus', `${what} was refused: ${said}`, {
    cause,
    facts: { ...(name === undefined ? {} : { name }) },
  });
}

/** The name of the D-Bus error behind a thrown value, if it is one. */
export function busErrorName(thrown: unknown): string | undefined {
  if (!(thrown instanceof SdmeError) || thrown.code !== 'dbus') return undefined;
  const { name } = thrown.facts;
  return typeof name === 'string' ? name : undefined;
}
