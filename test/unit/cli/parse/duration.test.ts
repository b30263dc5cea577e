import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatMoment } from '../../../../src/cli/output/times.ts';
import { parseDuration, parseSince } from '../../../../src/cli/parse/duration.ts';

describe('parseDuration', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['90', 90_000],
    ['1.5', 1500],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1h30m', 5_400_000],
  ];
  for (const [text, milliseconds] of cases) {
    test(`${text} is ${milliseconds} ms`, () => assert.equal(parseDuration(text), milliseconds));
  }
  for (const text of ['', 'x', '-1s', '5 m', '1y', '1h30', '1e3s', 's']) {
    test(`${JSON.stringify(text)} is no duration`, () => {
      assert.throws(() => parseDuration(text), { code: 'usage', message: /invalid duration/ });
    });
  }
  test('amounts of several units add up', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(59), fc.nat(59), (h, m, s) => {
        assert.equal(parseDuration(`${h}h${m}m${s}s`), ((h * 60 + m) * 60 + s) * 1000);
      }),
    );
  });
});

describe('parseSince', () => {
  const now = Date.UTC(2026, 0, 31, 12);
  test('a duration is that long before now', () => assert.equal(parseSince('2h', now), now - 7_200_000));
  test('an ISO time is that moment', () =>
    assert.equal(parseSince('2026-01-30T10:00:00Z', now), Date.UTC(2026, 0, 30, 10)));
  test('anything else is refused', () => {
    for (const text of ['yesterday', '2026-13-01', '12:00']) {
      assert.throws(() => parseSince(text, now), { code: 'usage' }, text);
    }
  });
});

test('formatDuration names the two largest units', () => {
  const shown = [0, 850, 12_340, 245_000, 7_380_000, 273_600_000].map(formatDuration);
  assert.deepEqual(shown, ['0 ms', '850 ms', '12.3 s', '4 m 05 s', '2 h 03 m', '3 d 4 h']);
});

test('formatMoment gives what Date reads back as the same second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
      // A local time that daylight saving gives twice may be read as the other of the two.
      const apart = Math.abs(Date.parse(formatMoment(seconds * 1000).replace(' ', 'T')) - seconds * 1000);
      assert.ok(apart === 0 || apart === 3_600_000);
    }),
  );
});
