export { applicationName } from './application-name.ts';
export { commandWords } from './command.ts';
export { declaredPorts, declaredVolumes, workingDirectory } from './declared.ts';
export { type PlacedImage, placeApplication } from './place.ts';
export { quoteWord } from './quote.ts';
export { parseStopSignal, type StopSignal } from './stop-signal.ts';
export { type WorkloadUnit, workloadUnitName, workloadUnitText } from './unit.ts';
