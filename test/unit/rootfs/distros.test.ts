import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from '../../../src/config/load.ts';
import { distroCommands, distroFamilies, distroFamily } from '../../../src/rootfs/distros.ts';
import { parseOsRelease, prettyName } from '../../../src/rootfs/os-release.ts';

const families: readonly (readonly [string, string])[] = [
  ['ID=debian', 'debian'],
  ['ID=ubuntu\nID_LIKE=debian', 'debian'],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"', 'debian'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"', 'fedora'],
  ['ID=somethingnew\nID_LIKE="rhel centos"', 'fedora'],
  ['ID=arch', 'arch'],
  ['ID="opensuse-tumbleweed"', 'suse'],
  ['ID="opensuse-leap"', 'suse'],
  ['ID=sles', 'suse'],
  ['ID=nixos', 'nixos'],
  ['ID=alpine', 'unknown'],
  ['', 'unknown'],
  ['ID=__proto__', 'unknown'],
];
for (const [text, family] of families) {
  test(`os-release ${JSON.stringify(text)} belongs to the family ${family}`, () => {
    assert.equal(distroFamily(parseOsRelease(text)), family);
  });
}

test('PRETTY_NAME is unquoted and loses control characters', () => {
  assert.equal(prettyName(parseOsRelease('PRETTY_NAME="Debian \\"x\\""')), 'Debian "x"');
  assert.equal(prettyName(parseOsRelease("PRETTY_NAME='a\u001b[31mb'")), 'a[31mb');
  assert.equal(prettyName(parseOsRelease('NAME=Arch')), 'Arch');
  assert.equal(prettyName(parseOsRelease('')), 'unknown');
});

test('commands from the settings replace the built-in list, an empty list means none', () => {
  const settings = parseSettings(
    { distros: { debian: { import_prehook: ['true'] }, arch: { import_prehook: [] } } },
    'x',
  );
  assert.deepEqual(distroCommands('debian', settings).import_prehook, ['true']);
  assert.ok(distroCommands('debian', settings).export_vm_prehook.length > 0);
  assert.deepEqual(distroCommands('arch', settings).import_prehook, []);
});

test('every family but nixos and unknown has import commands, only suse has export commands', () => {
  const settings = parseSettings({}, 'x');
  for (const family of distroFamilies) {
    const commands = distroCommands(family, settings);
    assert.equal(commands.import_prehook.length === 0, family === 'nixos' || family === 'unknown', family);
    assert.equal(commands.export_prehook.length > 0, family === 'suse', family);
  }
});
