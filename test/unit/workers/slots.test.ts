import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeSlots, slotCounts } from '../../../workers/slots.ts';

const never = new AbortController().signal;
const none = { slots_network: 0, slots_disk: 0, slots_cpu: 0 };
const gib = 1024 ** 3;

test('slots come from the machine unless the settings say how many', () => {
  assert.deepEqual(slotCounts(none, { cores: 2, memoryBytes: 8 * gib }), { network: 4, disk: 2, cpu: 2 });
  assert.deepEqual(slotCounts(none, { cores: 32, memoryBytes: 64 * gib }), { network: 16, disk: 8, cpu: 32 });
  assert.deepEqual(slotCounts(none, { cores: 1, memoryBytes: gib / 2 }), { network: 2, disk: 1, cpu: 1 });
  const chosen = slotCounts({ ...none, slots_disk: 5 }, { cores: 2, memoryBytes: gib });
  assert.equal(chosen.disk, 5);
});

test('slots are taken in the order in which they were asked for', async () => {
  const slots = makeSlots(1);
  const first = await slots.take(never);
  const order: number[] = [];
  const others = [1, 2, 3].map(async (i) => {
    using _slot = await slots.take(never);
    order.push(i);
  });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await Promise.all(others);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(slots.free, 1);
});

test('who has had a slot before goes before those that have not, and gives up as they do', async () => {
  const slots = makeSlots(1);
  const held = await slots.take(never);
  const order: string[] = [];
  const take = async (name: string, first: boolean): Promise<void> => {
    using _slot = await slots.take(never, { first });
    order.push(name);
  };
  const impatient = new AbortController();
  const gone = slots.take(impatient.signal, { first: true });
  const all = [take('new', false), take('begun', true), take('newer', false), take('begun too', true)];
  impatient.abort(new Error('enough'));
  await assert.rejects(gone, /enough/);
  held[Symbol.dispose]();
  await Promise.all(all);
  assert.deepEqual(order, ['begun', 'begun too', 'new', 'newer']);
  assert.equal(slots.free, 1);
});

test('whoever gives up waiting leaves the line, and no slot is lost', async () => {
  const slots = makeSlots(1);
  const held = await slots.take(never);
  const impatient = new AbortController();
  let waited = false;
  const onWait = (): void => {
    waited = true;
  };
  const waiting = slots.take(impatient.signal, { onWait });
  impatient.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  assert.ok(waited);
  held[Symbol.dispose]();
  assert.equal(slots.free, 1);
});
