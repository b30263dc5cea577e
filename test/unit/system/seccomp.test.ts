import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { denyingFilter } from '../../../src/system/seccomp.ts';

/** Runs a filter on a call, as the kernel would: only the instructions that we use. */
function verdict(filter: Buffer, audit: number, call: number): number {
  const data = new Map([
    [0, call],
    [4, audit],
  ]);
  let accumulator = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const [code, onTrue, onFalse] = [
      filter.readUInt16LE(at),
      filter.readUInt8(at + 2),
      filter.readUInt8(at + 3),
    ];
    const value = filter.readUInt32LE(at + 4);
    if (code === 0x20) accumulator = data.get(value) ?? -1;
    else if (code === 0x15) at += 8 * (accumulator === value ? onTrue : onFalse);
    else if (code === 0x35) at += 8 * (accumulator >= value ? onTrue : onFalse);
    else if (code === 0x06) return value;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('the filter has no end');
}

const allow = 0x7fff0000;
const kill = 0x80000000;
const refuse = 0x00050001;

test('x86-64: chroot, mount, execve and sockets are refused, files are not, other ABIs kill', () => {
  const filter = denyingFilter('x64');
  for (const call of [161, 165, 59, 322, 41, 101, 304, 272, 308, 438]) {
    assert.equal(verdict(filter, 0xc000003e, call), refuse, String(call));
  }
  for (const call of [0, 1, 2, 257, 56, 202, 231, 47]) assert.equal(verdict(filter, 0xc000003e, call), allow);
  assert.equal(verdict(filter, 0xc000003e, 161 + 0x40000000), kill);
  assert.equal(verdict(filter, 0x40000003, 61), kill);
});

test('aarch64 has numbers of its own', () => {
  const filter = denyingFilter('arm64');
  for (const call of [51, 40, 221, 198, 117]) assert.equal(verdict(filter, 0xc00000b7, call), refuse);
  for (const call of [63, 64, 56, 98]) assert.equal(verdict(filter, 0xc00000b7, call), allow);
});

test('an unknown architecture is an error', () => {
  assert.throws(() => denyingFilter('mips'), { code: 'system.unsupported' });
});

test('the filter holds for every thread, also those that ran before it', () => {
  const script = `
    import { denyDangerousCalls } from ${JSON.stringify(new URL('../../../src/system/seccomp.ts', import.meta.url).href)};
    import { forbidNewPrivileges } from ${JSON.stringify(new URL('../../../src/system/capabilities.ts', import.meta.url).href)};
    import { readdirSync, readFileSync } from 'node:fs';
    import { spawnSync } from 'node:child_process';
    forbidNewPrivileges();
    denyDangerousCalls();
    const modes = readdirSync('/proc/self/task').map((id) => /^Seccomp:\\t(.)$/m.exec(readFileSync('/proc/self/task/' + id + '/status', 'utf8'))[1]);
    console.log(modes.length > 1, new Set(modes), spawnSync('true').error?.code);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), "true Set(1) { '2' } EPERM", stderr);
});
