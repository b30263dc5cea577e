import { SdmeError } from '../base/errors.ts';

function invalid(message: string): SdmeError {
  return new SdmeError('input.invalid', message);
}

function foreignCharacter(text: string, allowed: RegExp): string | undefined {
  return [...text].find((character) => !allowed.test(character));
}

/**
 * A system call filter of systemd.exec(5): `[~]@group` or `[~]name` (contract 1.2).
 * @throws SdmeError `input.invalid`
 */
export function parseSystemCallFilter(text: string): string {
  if (text === '') throw invalid('system call filter cannot be empty');
  const name = text.startsWith('~') ? text.slice(1) : text;
  if (name === '') throw invalid("system call filter cannot be just '~'");
  if (name.startsWith('@')) {
    const group = name.slice(1);
    if (group === '') throw invalid('system call filter group name cannot be empty');
    const foreign = foreignCharacter(group, /^[a-z0-9-]$/);
    if (foreign !== undefined) throw invalid(`invalid character '${foreign}' in system call filter group`);
    return text;
  }
  if (!/^[a-z_][a-z0-9_]*$/.test(name) || name.includes('\n')) {
    throw invalid(
      `invalid system call filter: ${text}\nexpected a syscall name (e.g. mount, ptrace) or an @group (e.g. @raw-io)`,
    );
  }
  return text;
}

/** The name of an AppArmor profile (contract 1.2); whether it is loaded shows at start. @throws SdmeError `input.invalid` */
export function parseApparmorProfile(text: string): string {
  if (text === '') throw invalid('AppArmor profile name cannot be empty');
  const foreign = foreignCharacter(text, /^[A-Za-z0-9._-]$/);
  if (foreign !== undefined) throw invalid(`invalid character '${foreign}' in AppArmor profile name`);
  return text;
}
