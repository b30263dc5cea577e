const word = 0xffffffffffffffffn;

const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & word;

/** The four words of state after `rounds` SipRounds. */
function mix(state: readonly bigint[], rounds: number): [bigint, bigint, bigint, bigint] {
  let [v0 = 0n, v1 = 0n, v2 = 0n, v3 = 0n] = state;
  for (let round = 0; round < rounds; round += 1) {
    v0 = (v0 + v1) & word;
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = (v2 + v3) & word;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = (v0 + v3) & word;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = (v2 + v1) & word;
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  }
  return [v0, v1, v2, v3];
}

/** Up to eight bytes, little endian. */
function readWord(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/**
 * SipHash-2-4 of `data` under a key of 16 bytes, as an unsigned 64-bit number (Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", 2012). @throws RangeError when the key has another length
 */
export function sipHash24(key: Uint8Array, data: Uint8Array): bigint {
  if (key.length !== 16) throw new RangeError(`a SipHash key has 16 bytes, not ${key.length}`);
  const k0 = readWord(key.subarray(0, 8));
  const k1 = readWord(key.subarray(8));
  let state: readonly bigint[] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const absorb = (value: bigint): void => {
    const [v0 = 0n, v1 = 0n, v2 = 0n, v3 = 0n] = state;
    const [w0, w1, w2, w3] = mix([v0, v1, v2, v3 ^ value], 2);
    state = [w0 ^ value, w1, w2, w3];
  };
  const whole = data.length - (data.length % 8);
  for (let offset = 0; offset < whole; offset += 8) absorb(readWord(data.subarray(offset, offset + 8)));
  absorb(readWord(data.subarray(whole)) | (BigInt(data.length & 0xff) << 56n));
  const [v0 = 0n, v1 = 0n, v2 = 0n, v3 = 0n] = state;
  return mix([v0, v1, v2 ^ 0xffn, v3], 4).reduce((hash, part) => hash ^ part, 0n);
}
