export { createContainer } from './create-container.ts';
export type { ContainerDeps } from './deps.ts';
export { enableContainer } from './enable-container.ts';
export { preshiftContainer } from './preshift.ts';
export * from './read-side.ts';
export { removeContainer } from './remove-container.ts';
export { setLimits } from './set-limits.ts';
export { startContainer } from './start-container.ts';
export { stopContainer } from './stop-container.ts';
