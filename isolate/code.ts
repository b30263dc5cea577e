/** Writes the distance to a label into the bytes, `at` the place that waits for it. */
type Patch = (view: DataView, at: number, distance: number) => void;

/** Bytes of a program under way: instructions, labels, and places that wait for a label's address. */
export interface Code {
  /** Appends bytes. */
  emit(...bytes: number[]): void;
  /** Appends one little-endian 32-bit word. */
  emitWord(word: number): void;
  /** Gives the next byte a name. @throws RangeError when the name is taken */
  label(name: string): void;
  /** Calls `patch` once all labels are known, with the distance in bytes from `from` to the label. */
  reference(label: string, at: number, from: number, patch: Patch): void;
  /** Bytes so far. */
  readonly length: number;
  /** The finished bytes and the offsets of all labels. `external` names labels outside, as offsets from the start. */
  finish(external?: ReadonlyMap<string, number>): { bytes: Uint8Array; labels: ReadonlyMap<string, number> };
}

/** An empty {@link Code}. */
export function newCode(): Code {
  const bytes: number[] = [];
  const labels = new Map<string, number>();
  const references: { label: string; at: number; from: number; patch: Patch }[] = [];
  return {
    emit: (...more) => {
      for (const byte of more) bytes.push(byte & 0xff);
    },
    emitWord: (word) => {
      bytes.push(word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, (word >>> 24) & 0xff);
    },
    label: (name) => {
      if (labels.has(name)) throw new RangeError(`label ${name} stands twice`);
      labels.set(name, bytes.length);
    },
    reference: (label, at, from, patch) => {
      references.push({ label, at, from, patch });
    },
    get length() {
      return bytes.length;
    },
    finish: (external = new Map()) => {
      const finished = Uint8Array.from(bytes);
      const view = new DataView(finished.buffer);
      for (const { label, at, from, patch } of references) {
        const target = labels.get(label) ?? external.get(label);
        if (target === undefined) throw new RangeError(`no label ${label}`);
        patch(view, at, target - from);
      }
      return { bytes: finished, labels };
    },
  };
}

/** The value, if it fits into a signed field of `bits` bits. @throws RangeError naming what does not fit */
export function signedField(value: number, bits: number, what: string): number {
  const limit = 2 ** (bits - 1);
  if (!Number.isSafeInteger(value) || value < -limit || value >= limit) {
    throw new RangeError(`${what} ${value} does not fit into ${bits} bits`);
  }
  return value;
}

/** The value, if it fits into an unsigned field of `bits` bits. @throws RangeError naming what does not fit */
export function unsignedField(value: number, bits: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new RangeError(`${what} ${value} does not fit into ${bits} bits`);
  }
  return value;
}
