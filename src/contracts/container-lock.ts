import type { LockRequest } from './contract.ts';

/** The lock of every job that changes one container. */
export function containerLock({ name }: { readonly name: string }): readonly LockRequest[] {
  return [{ kind: 'containers', name, mode: 'exclusive' }];
}
