import type { Redis } from 'ioredis';

/** What a server says about how it keeps what it was given; a field it does not tell is undefined. */
export interface ServerFacts {
  /** Of `INFO`: `aof_enabled`. */
  readonly aof: string | undefined;
  /** Of `INFO`: `maxmemory_policy`. */
  readonly eviction: string | undefined;
  /** Of `CONFIG GET`, which many a hosted server refuses. */
  readonly fsync: string | undefined;
}

/** In what a shared server falls short of the embedded one, a sentence each. Pure. */
export function serverDoubts({ aof, eviction, fsync }: ServerFacts): string[] {
  const doubts: string[] = [];
  if (aof === '0')
    doubts.push('it has no append-only file (appendonly no): what it acknowledged may be lost');
  if (aof === '1' && fsync !== undefined && fsync !== 'always')
    doubts.push(`it syncs with "appendfsync ${fsync}": when it dies, what it acknowledged last may be lost`);
  if (eviction !== undefined && eviction !== 'noeviction')
    doubts.push(`when its memory is full it drops keys (maxmemory-policy ${eviction}): jobs may vanish`);
  return doubts;
}

/** Asks a server. */
export async function askServer(redis: Redis): Promise<ServerFacts> {
  // A managed server may refuse either: what is not known is no doubt.
  const info = (
    await Promise.all(['persistence', 'memory'].map((part) => redis.info(part).catch(() => '')))
  ).join('\n');
  const field = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const config: unknown = await redis.config('GET', 'appendfsync').catch(() => []);
  const fsync: unknown = Array.isArray(config) ? config[1] : undefined;
  return {
    aof: field('aof_enabled'),
    eviction: field('maxmemory_policy'),
    fsync: typeof fsync === 'string' ? fsync : undefined,
  };
}
