export { type Capability, capabilityNames, parseCapabilities, parseCapability } from './capabilities.ts';
export { parseApparmorProfile, parseSystemCallFilter } from './filters.ts';
export {
  expandSecurity,
  hardenedDropCapabilities,
  type Security,
  type SecurityExpansion,
  type SecurityRequest,
  strictApparmorProfile,
  strictDropCapabilities,
  strictSystemCallFilters,
  type Tier,
} from './tiers.ts';
export { workloadCapabilities } from './workload-capabilities.ts';
