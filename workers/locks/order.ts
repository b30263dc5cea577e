import { lockKinds } from '../../src/base/paths.ts';
import type { LockRequest } from '../../src/contracts/index.ts';

/** How a lock is named in records and by the mutex, e.g. `fs/debian`. */
export function lockKey({ kind, name }: LockRequest): string {
  return `${kind}/${name}`;
}

/** The order in which locks are taken: of `lockKinds`, then by name. Below 0 when `a` comes first. */
export function compareLocks(a: LockRequest, b: LockRequest): number {
  const byKind = lockKinds.indexOf(a.kind) - lockKinds.indexOf(b.kind);
  if (byKind !== 0) return byKind;
  return a.name < b.name ? -1 : a.name === b.name ? 0 : 1;
}

/** Each lock once, the stronger mode if asked for twice, in the order in which they are taken. Pure. */
export function inLockOrder(requests: readonly LockRequest[]): LockRequest[] {
  const byKey = new Map<string, LockRequest>();
  for (const request of requests) {
    const key = lockKey(request);
    if (byKey.get(key)?.mode !== 'exclusive') byKey.set(key, request);
  }
  return [...byKey.values()].sort(compareLocks);
}
