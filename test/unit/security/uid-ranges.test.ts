import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sipHash24 } from '../../../src/security/siphash.ts';
import {
  allocateUidRange,
  idsToLookUp,
  pickedUidBase,
  rangesOverlap,
  type UidRange,
  uidBaseMax,
  uidBaseMin,
  uidRangeSize,
} from '../../../src/security/uid-ranges.ts';

const nspawnKey = Buffer.from('e156e0f04af041af9641cf413394ff72', 'hex');

// Contract 4.2; `iporakepaba` is also the example that systemd publishes.
const vectors = [
  { machine: 'mybox', hash: 0x8dec7a155ff4ffa8n, base: 1610350592 },
  { machine: 'web', hash: 0x322ffcc9ce8880c0n, base: 1587085312 },
  { machine: 'db', hash: 0x0023515a7e78a62bn, base: 243859456 },
  { machine: 'vfy-sec-userns', hash: 0xd6d0292541287ee5n, base: 1093664768 },
  { machine: 'iporakepaba', hash: 0x14c7ea1163fde6e0n, base: 1678049280 },
];

test('SipHash-2-4 gives the value of its own paper', () => {
  const key = Uint8Array.from({ length: 16 }, (_, index) => index);
  const data = Uint8Array.from({ length: 15 }, (_, index) => index);
  assert.equal(sipHash24(key, data), 0xa129ca6149be45e5n);
});

test('machine names get the base that nspawn picks', () => {
  for (const { machine, hash, base } of vectors) {
    assert.equal(sipHash24(nspawnKey, Buffer.from(machine)), hash, machine);
    assert.equal(pickedUidBase(machine), base, machine);
  }
});

test('every pick lies in the window and at the start of a slot', () => {
  fc.assert(
    fc.property(fc.string(), (machine) => {
      const base = pickedUidBase(machine);
      assert.ok(base >= uidBaseMin && base <= uidBaseMax);
      assert.equal(base % uidRangeSize, 0);
    }),
  );
});

test('an allocated range overlaps none in use and lies in the window', () => {
  const range = fc.record({
    base: fc.integer({ min: 0, max: 0x7000 }).map((slot) => slot * uidRangeSize),
    size: fc.integer({ min: 1, max: 8 }).map((slots) => slots * uidRangeSize),
  });
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.array(range, { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      (machine, others, slots) => {
        // Put some of them right where the pick would be.
        const base = pickedUidBase(machine);
        const used: UidRange[] = [...others, { base, size: uidRangeSize }];
        const got = allocateUidRange(machine, used, slots);
        assert.equal(got.size, slots * uidRangeSize);
        assert.ok(got.base >= uidBaseMin && got.base + got.size <= uidBaseMax + uidRangeSize);
        assert.ok(used.every((other) => !rangesOverlap(other, got)));
      },
    ),
  );
});

test('without others the pick itself is allocated', () => {
  assert.deepEqual(allocateUidRange('web', []), { base: 1587085312, size: uidRangeSize });
});

test('behind the last slot the search goes on at the first', () => {
  const nearEnd = (machine: string): boolean => pickedUidBase(machine) >= uidBaseMax - 2 * uidRangeSize;
  const machine = Array.from({ length: 200_000 }, (_, index) => `m${index}`).find(nearEnd);
  assert.ok(machine !== undefined);
  const base = pickedUidBase(machine);
  const upToTheEnd: UidRange = { base, size: uidBaseMax + uidRangeSize - base };
  assert.deepEqual(allocateUidRange(machine, [upToTheEnd]), { base: uidBaseMin, size: uidRangeSize });
});

test('a range too long for what is left of the window is looked for from its start', () => {
  const slots = 28_000;
  const found = allocateUidRange('web', [{ base: uidBaseMin, size: 2 * uidRangeSize }], slots);
  assert.deepEqual(found, { base: uidBaseMin + 2 * uidRangeSize, size: slots * uidRangeSize });
});

test('what lies behind a range that somebody else has half the window of is found', () => {
  const base = pickedUidBase('web');
  const half: UidRange = { base: base - 5, size: 2000 * uidRangeSize };
  assert.deepEqual(allocateUidRange('web', [half]), {
    base: base + 2000 * uidRangeSize,
    size: uidRangeSize,
  });
});

test('accounts are asked for as nspawn does, in every slot of a range', () => {
  const range: UidRange = { base: uidBaseMin, size: 2 * uidRangeSize };
  assert.deepEqual(idsToLookUp(range), [524_288, 589_822, 589_824, 655_358]);
});

test('a full window is an error, not an overlap', () => {
  assert.throws(() => allocateUidRange('web', [{ base: 0, size: 2 ** 32 }]), /failed to allocate UID range/);
});
