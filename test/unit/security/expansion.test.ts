import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Capability, capabilityNames, parseCapability } from '../../../src/base/capabilities.ts';
import {
  expandSecurity,
  type SecurityRequest,
  strictDropCapabilities,
  strictSystemCallFilters,
} from '../../../src/security/index.ts';

/** A capability as somebody may type it: in any case, with its prefix or without. */
const typed = fc
  .tuple(fc.constantFrom(...capabilityNames), fc.boolean(), fc.boolean())
  .map(([name, withPrefix, upper]) => {
    const word = withPrefix ? name : name.slice('CAP_'.length);
    return upper ? word : word.toLowerCase();
  });
const filter = fc.constantFrom('~@mount', '@system-service', '~uselib', 'read');

const requests: fc.Arbitrary<SecurityRequest> = fc.record({
  tier: fc.constantFrom('default', 'hardened', 'strict'),
  userns: fc.boolean(),
  privateNetwork: fc.boolean(),
  hasInterface: fc.boolean(),
  noNewPrivileges: fc.boolean(),
  readOnly: fc.boolean(),
  dropCapabilities: fc.array(typed, { maxLength: 6 }),
  capabilities: fc.array(typed, { maxLength: 3 }),
  systemCallFilters: fc.array(filter, { maxLength: 3 }),
  apparmorProfile: fc.option(fc.constantFrom('mine', 'unconfined'), { nil: undefined }),
});
/** What the setting may say that the hardened tier drops. */
const settings: fc.Arbitrary<Capability[]> = fc.uniqueArray(fc.constantFrom(...capabilityNames), {
  maxLength: 6,
});

const namesOf = (words: readonly string[]): Capability[] => [...new Set(words.map(parseCapability))];
const contradicts = ({ dropCapabilities, capabilities }: SecurityRequest): Capability | undefined =>
  namesOf(capabilities).find((name) => namesOf(dropCapabilities).includes(name));

/** Holds for every request that does not contradict itself. */
function always(check: (request: SecurityRequest, hardenedDrops: Capability[]) => void): void {
  fc.assert(
    fc.property(requests, settings, (request, hardenedDrops) => {
      fc.pre(contradicts(request) === undefined);
      check(request, hardenedDrops);
    }),
    { numRuns: 500 },
  );
}

describe('a tier and flags beside it', () => {
  test('what is asked for by name is had; a tier only adds to it', () => {
    always((request, hardenedDrops) => {
      const { security } = expandSecurity(request, hardenedDrops);
      const raised = request.tier !== 'default';
      assert.equal(security.userns, request.userns || raised);
      assert.equal(security.noNewPrivileges, request.noNewPrivileges || raised);
      assert.equal(security.privateNetwork, request.privateNetwork || request.hasInterface || raised);
      assert.equal(security.readOnly, request.readOnly, 'no tier has it');
      assert.deepEqual(security.addCapabilities, namesOf(request.capabilities));
    });
  });

  test('own drops come first as typed, then those of the tier in its order, each once', () => {
    always((request, hardenedDrops) => {
      const own = namesOf(request.dropCapabilities);
      const ofTier = { default: [], hardened: hardenedDrops, strict: strictDropCapabilities }[request.tier];
      const kept = [
        ...namesOf(request.capabilities),
        ...(request.hasInterface ? (['CAP_NET_RAW'] as const) : []),
      ];
      const rest = ofTier.filter((name) => !kept.includes(name) && !own.includes(name));
      const { security } = expandSecurity(request, hardenedDrops);
      assert.deepEqual(security.dropCapabilities, [...own, ...rest]);
    });
  });

  test('filters and profile of the strict tier stand unless there are others', () => {
    always((request, hardenedDrops) => {
      const { security } = expandSecurity(request, hardenedDrops);
      const strict = request.tier === 'strict';
      const filters = strict && request.systemCallFilters.length === 0 ? strictSystemCallFilters : undefined;
      assert.deepEqual(security.systemCallFilters, filters ?? request.systemCallFilters);
      assert.equal(
        security.apparmorProfile,
        request.apparmorProfile ?? (strict ? 'sdme-default' : undefined),
      );
    });
  });

  test('what a tier came to, asked for flag by flag, comes to the same', () => {
    always((request, hardenedDrops) => {
      const { security } = expandSecurity(request, hardenedDrops);
      const flagByFlag = { ...security, tier: 'default', hasInterface: request.hasInterface } as const;
      const again = expandSecurity({ ...flagByFlag, capabilities: security.addCapabilities }, hardenedDrops);
      assert.deepEqual(again, { security, notes: [] });
    });
  });

  test('a capability that is added and dropped is refused in any spelling, by its name', () => {
    fc.assert(
      fc.property(requests, typed, (request, word) => {
        const twice = {
          ...request,
          capabilities: [word.toLowerCase()],
          dropCapabilities: [word.toUpperCase()],
        };
        assert.throws(() => expandSecurity(twice, []), {
          code: 'input.invalid',
          message: `capability ${parseCapability(word)} appears in both --capability and --drop-capability`,
        });
      }),
    );
  });
});
