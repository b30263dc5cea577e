export { installApparmorProfile } from './apparmor-install.ts';
export { apparmorProfileText } from './apparmor-profile.ts';
export { dockerCapabilities, dockerDefault } from './docker-default.ts';
export { parseApparmorProfile, parseSystemCallFilter } from './filters.ts';
export {
  type CapabilityRequest,
  nspawnCapabilities,
  retainedCapabilities,
} from './retained-capabilities.ts';
export {
  callsOfDeniedGroups,
  parseSystemCallGroups,
  type SystemCallGroups,
  unheededFilters,
  unknownFilters,
} from './system-call-groups.ts';
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
