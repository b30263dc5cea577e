import type { Capability } from '../base/capabilities.ts';
import { dockerCapabilities } from './docker-default.ts';

/**
 * The capabilities in the bounding set of an OCI application's unit (security model, Part 2), alphabetical: Docker's
 * 14 and CAP_SYS_ADMIN, which the program that isolates the application needs and drops before it starts it.
 */
export const workloadCapabilities: readonly Capability[] = [
  ...dockerCapabilities,
  'CAP_SYS_ADMIN' as const,
].sort();
