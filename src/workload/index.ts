export { applicationName } from './application-name.ts';
export { type PlacedImage, placeApplication } from './place.ts';
