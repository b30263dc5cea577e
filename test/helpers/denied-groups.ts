import { strictSystemCallFilters } from '../../src/security/index.ts';

/** Attempts of the probe: one call of each group that strict denies. */
export const groupCalls = ['group-cpu-emulation', 'group-debug', 'group-obsolete', 'group-raw-io'];

/** Filters that put those calls on nspawn's list by their names. On its own it has next to none of them. */
export const letThrough = ['ioperm', 'modify_ldt', 'pidfd_getfd', 'sysfs'];

/** Filters that let them through and deny their groups, as strict does. */
export const letThroughAndDenied = [...letThrough, ...strictSystemCallFilters];

/**
 * What comes of the calls where nothing denies them. nspawn gives EPERM for what it refuses; ENOSYS of these is a
 * kernel's that was built without the call.
 */
export const reachedKernel = /^(done|ENOSYS) EBADF (done|ENOSYS) (done|ENOSYS)$/;
