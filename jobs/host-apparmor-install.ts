import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { installApparmorProfile } from '../src/security/index.ts';
import type { Handler } from './deps.ts';

/** Installs the AppArmor profile of the strict tier, so that strict containers can start. */
export const handleHostApparmorInstall: Handler<
  InputOf<'host.apparmor.install'>,
  ResultOf<'host.apparmor.install'>
> = (ctx) => installApparmorProfile(ctx);
