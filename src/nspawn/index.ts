export { createContainer } from './create-container.ts';
export type { ContainerDeps } from './deps.ts';
export { enableContainer } from './enable-container.ts';
export { listContainers, listStatuses } from './list-containers.ts';
export { type ContainerListing, type ContainerStatus, containerListing } from './listing.ts';
export { removeContainer } from './remove-container.ts';
export {
  chooseJoinUser,
  containerLogs,
  execIn,
  isRunning,
  type JoinOptions,
  joinContainer,
  matchContainer,
  pickContainerName,
} from './run-in.ts';
export { setLimits } from './set-limits.ts';
export { startContainer } from './start-container.ts';
export { listContainerNames } from './state-file.ts';
export { stopContainer } from './stop-container.ts';
