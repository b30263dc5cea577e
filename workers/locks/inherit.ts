import { SdmeError } from '../../src/base/errors.ts';
import type { LockRequest } from '../../src/contracts/index.ts';
import { compareLocks, inLockOrder, lockKey } from './order.ts';

/**
 * The locks a child must take itself, as its parent holds `held` while it waits for it. A lock the parent has is
 * the child's too. Any other must come behind all of the parent's in the order of locks: else two parents could
 * wait for each other's locks, each through its child. Pure. @throws SdmeError `internal`, a fault of the parent's
 * handler
 */
export function locksBeyond(wanted: readonly LockRequest[], held: readonly LockRequest[]): LockRequest[] {
  const holding = new Map(inLockOrder(held).map((lock) => [lockKey(lock), lock]));
  return inLockOrder(wanted).filter((lock) => {
    const parents = holding.get(lockKey(lock));
    if (parents === undefined) {
      const later = [...holding.values()].find((one) => compareLocks(one, lock) > 0);
      if (later === undefined) return true;
      throw misplaced(lock, `it comes before ${lockKey(later)}, which the parent holds`);
    }
    if (parents.mode === 'shared' && lock.mode === 'exclusive') {
      throw misplaced(lock, 'the parent holds it shared and the child wants it exclusive');
    }
    return false;
  });
}

function misplaced(lock: LockRequest, why: string): SdmeError {
  return new SdmeError('internal', `a child job cannot take the lock ${lockKey(lock)}: ${why}`);
}
