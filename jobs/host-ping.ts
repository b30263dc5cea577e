import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import type { Handler } from './deps.ts';

/** Answers with the host's id and time. */
export const handleHostPing: Handler<InputOf<'host.ping'>, ResultOf<'host.ping'>> = async (
  _ctx,
  _input,
  { host },
) => ({ host, at: Date.now() });
