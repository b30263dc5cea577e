/*
 * What reads the store and changes nothing. Apart from index.ts, so that listings and completion do not load what
 * fetches, unpacks and prepares.
 */
export { listRootfs, type RootfsRecord, rootfsNames } from './list.ts';
