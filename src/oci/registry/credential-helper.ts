import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { plainEnvironment, run } from '../../system/exec/run.ts';
import { printable } from '../printable.ts';
import type { Environment } from './environment.ts';
import type { Credentials } from './login.ts';

/** How long a helper may take, in milliseconds; one that asks a person for a password never ends. */
const helperTimeoutMs = 10_000;

const answerSchema = z.looseObject({ Username: z.string(), Secret: z.string() });

/** Variables a helper may need to find its store; nothing else of ours reaches it. */
const passedOn = [
  'PATH',
  'HOME',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'DBUS_SESSION_BUS_ADDRESS',
  'GNUPGHOME',
];

function helperEnvironment(environment: Environment): Record<string, string> {
  const variables: Record<string, string> = { ...plainEnvironment };
  for (const name of passedOn) {
    const value = environment[name];
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}

/**
 * Asks `docker-credential-<name> get` for a server (docker-credential-helpers protocol): the server on standard input,
 * the secret on standard output, so neither is in any argument list. What a helper prints is in no message, as it may
 * be the secret. @returns undefined when the helper has none
 * @throws SdmeError `oci.auth-invalid`; the signal's reason
 */
export async function askCredentialHelper(
  name: string,
  server: string,
  environment: Environment,
  signal: AbortSignal,
  timeoutMs: number = helperTimeoutMs,
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name)) {
    throw new SdmeError(
      'oci.auth-invalid',
      `'${printable(name, 80)}' is not the name of a credential helper`,
    );
  }
  const program = `docker-credential-${name}`;
  let output: { code: number; stdout: string };
  try {
    output = await run(program, ['get'], {
      env: helperEnvironment(environment),
      input: server,
      timeoutMs,
      signal,
      maxOutput: 64 * 1024,
      accept: [0, 1],
    });
  } catch (error) {
    signal.throwIfAborted();
    // The cause is not kept: it quotes what the helper printed.
    const code = error instanceof SdmeError ? error.facts.code : undefined;
    const how =
      code === undefined
        ? `could not be run or took longer than ${timeoutMs / 1000} s`
        : `failed with code ${code}`;
    throw new SdmeError('oci.auth-invalid', `the credential helper ${program} ${how}`);
  }
  if (output.code !== 0) {
    if (/credentials not found/i.test(output.stdout)) return undefined;
    throw new SdmeError(
      'oci.auth-invalid',
      `the credential helper ${program} failed with code ${output.code}`,
    );
  }
  return parseHelperAnswer(output.stdout, program);
}

function parseHelperAnswer(text: string, program: string): Credentials {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SdmeError('oci.auth-invalid', `the credential helper ${program} did not answer with JSON`);
  }
  const parsed = answerSchema.safeParse(value);
  if (!parsed.success)
    throw new SdmeError('oci.auth-invalid', `the credential helper ${program} gave no credentials`);
  const { Username: user, Secret: secret } = parsed.data;
  return user === '<token>'
    ? { kind: 'identity', token: secret }
    : { kind: 'password', user, password: secret };
}
