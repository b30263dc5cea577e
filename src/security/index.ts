export { installApparmorProfile } from './apparmor-install.ts';
export { apparmorProfileText } from './apparmor-profile.ts';
export { parseApparmorProfile, parseSystemCallFilter } from './filters.ts';
export {
  expandSecurity,
  type Security,
  type SecurityExpansion,
  type SecurityRequest,
  strictApparmorProfile,
  strictDropCapabilities,
  strictSystemCallFilters,
  type Tier,
  unconfined,
} from './tiers.ts';
export { workloadCapabilities } from './workload-capabilities.ts';
