/** Which boot of the machine of `npm run test:vm` this is, from 1; undefined elsewhere. */
export function vmBoot(): number | undefined {
  const boot = Number(process.env.SDME_VM_BOOT);
  return Number.isInteger(boot) && boot > 0 ? boot : undefined;
}

/** Why tests of what only a full machine has cannot run here; false in the machine of `npm run test:vm`. */
export function outsideVm(): string | false {
  return vmBoot() === undefined ? 'needs the machine of npm run test:vm' : false;
}
