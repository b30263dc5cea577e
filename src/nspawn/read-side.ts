/*
 * What asks and changes nothing, or works on a terminal: for callers that queue no job. Apart from index.ts, so
 * that `sdme ps` and its like do not load what makes and removes containers.
 */
export { listContainers, listStatuses } from './list-containers.ts';
export { type ContainerListing, type ContainerStatus, containerListing } from './listing.ts';
export { readSecurity } from './read-security.ts';
export {
  type ApplicationChoice,
  applicationLogs,
  chooseJoinUser,
  containerLogs,
  execIn,
  execInApplication,
  isRunning,
  type JoinOptions,
  joinContainer,
  matchContainer,
  pickContainerName,
} from './run-in.ts';
export type { SecurityReport } from './security-report.ts';
export type { SecurityRow } from './security-rows.ts';
export { listContainerNames } from './state-file.ts';
export { requireSystemd } from './systemd-floor.ts';
