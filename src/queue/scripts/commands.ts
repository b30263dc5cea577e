import type { Redis, Result } from 'ioredis';
import { cancelScript, giveUpScript } from './cancel.ts';
import { appendLogScript, readLogScript } from './log.ts';
import { mendScript } from './mend.ts';
import { progressScript } from './progress.ts';
import { submitScript } from './submit.ts';
import { submitFlowScript } from './submit-flow.ts';
import { transitionScript } from './transition.ts';
import { evictScript, forgetScript, straysScript } from './upkeep.ts';

type Argument = string | number;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    sdmeSubmit(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeSubmitFlow(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeTransition(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeCancel(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeGiveUp(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeProgress(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeAppendLog(key: string, list: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeReadLog(key: string, list: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeForget(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeStrays(key: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeMend(key: string, notes: string, ...args: Argument[]): Result<unknown, Context>;
    sdmeEvict(key: string, ...args: Argument[]): Result<unknown, Context>;
  }
}

/** Makes our scripts commands of a connection. ioredis sends the digest, and the text when the server lacks it. */
export function defineCommands(redis: Redis): void {
  redis.defineCommand('sdmeSubmit', { numberOfKeys: 1, lua: submitScript });
  redis.defineCommand('sdmeSubmitFlow', { numberOfKeys: 1, lua: submitFlowScript });
  redis.defineCommand('sdmeTransition', { numberOfKeys: 1, lua: transitionScript });
  redis.defineCommand('sdmeCancel', { numberOfKeys: 1, lua: cancelScript });
  redis.defineCommand('sdmeGiveUp', { numberOfKeys: 1, lua: giveUpScript });
  redis.defineCommand('sdmeProgress', { numberOfKeys: 1, lua: progressScript });
  redis.defineCommand('sdmeAppendLog', { numberOfKeys: 2, lua: appendLogScript });
  redis.defineCommand('sdmeReadLog', { numberOfKeys: 2, lua: readLogScript, readOnly: true });
  redis.defineCommand('sdmeForget', { numberOfKeys: 1, lua: forgetScript });
  redis.defineCommand('sdmeStrays', { numberOfKeys: 1, lua: straysScript, readOnly: true });
  redis.defineCommand('sdmeMend', { numberOfKeys: 2, lua: mendScript });
  redis.defineCommand('sdmeEvict', { numberOfKeys: 1, lua: evictScript });
}
