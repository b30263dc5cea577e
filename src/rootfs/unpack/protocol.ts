import { z } from 'zod';
import { errorRecord } from '../../contracts/job.ts';

/** Limits of one unpacking, over all its layers. */
export interface UnpackLimits {
  /** Plain bytes of the layers: contents, headers, padding. */
  readonly bytes: number;
  readonly entries: number;
  /** Directories above an entry, itself included. */
  readonly depth: number;
  readonly layers: number;
}

/** Choices for one unpacking. */
export interface UnpackPolicy {
  /** Devices and fifos; skipped ones are told in a note. */
  readonly devices: 'create' | 'skip';
  /** `.wh.` names: `apply` in image layers; `plain` in tarballs that are no layers. */
  readonly whiteouts: 'apply' | 'plain';
}

/** What the child is started with, as its only argument. */
export interface ChildStart {
  readonly parent: number;
  readonly limits: UnpackLimits;
  readonly policy: UnpackPolicy;
}

/** What comes first: the directory that becomes the child's root. */
export interface RootOrder {
  readonly target: string;
}

/** What comes with each layer's file. Digests and sizes that are present are checked. */
export interface LayerOrder {
  readonly label: string;
  readonly digest?: string;
  readonly size?: number;
  readonly diffId?: string;
  /** The file has not all of its `size` bytes yet: the child asks for how many there are when it has read those it knows of. */
  readonly grows?: boolean;
}

/** The answer to `more`: bytes of the file that are there. */
export interface Growth {
  readonly length: number;
}

/** What the child says, one JSON text a line. `bytes` are of the file as it lies there, compressed. */
export const childMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('more'), have: z.number() }),
  z.object({ type: z.literal('progress'), bytes: z.number() }),
  z.object({ type: z.literal('layer'), bytes: z.number() }),
  z.object({ type: z.literal('failed'), error: errorRecord }),
  z.object({
    type: z.literal('done'),
    bytes: z.number(),
    entries: z.number(),
    notes: z.array(z.string()),
  }),
]);
export type ChildMessage = z.infer<typeof childMessage>;
