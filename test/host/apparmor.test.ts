import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { apparmorProfileText } from '../../src/security/apparmor-profile.ts';
import { type ContainerStore, containerStore, output, outsideTestHost } from '../helpers/container-host.ts';
import { type SdmeProgram, sdmeProgram } from '../helpers/sdme-program.ts';

/** What the real parser makes of a text without a kernel to load it into: its exit code, bytes of policy, complaints. */
async function compile(profile: string): Promise<{ code: number | null; policy: number; said: string }> {
  const child = spawn('apparmor_parser', ['--skip-kernel-load', '--skip-cache', '--stdout']);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(profile);
  const [policy, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, policy: policy.length, said };
}

const missingParser = ['/usr/sbin', '/sbin'].some((directory) => existsSync(`${directory}/apparmor_parser`))
  ? false
  : 'needs apparmor_parser';

describe('the AppArmor profile of the strict tier', { skip: outsideTestHost(), timeout: 120_000 }, () => {
  let store: ContainerStore;
  let sdme: SdmeProgram;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('apparmor'));
    const { worker, queue } = embeddedUnitNames(store.layout);
    stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
    sdme = sdmeProgram(store.layout);
  });
  after(() => stack.disposeAsync());

  test('apparmor_parser compiles what `config apparmor-profile` prints', {
    skip: missingParser,
  }, async () => {
    const printed = await sdme.run('config', 'apparmor-profile');
    assert.deepEqual([printed.code, printed.stdout, printed.stderr], [0, apparmorProfileText, '']);
    const compiled = await compile(printed.stdout);
    assert.equal(compiled.code, 0, compiled.said);
    assert.ok(compiled.policy > 1000, 'it makes a policy of it');
  });

  test('apparmor_parser refuses the profile once a rule of it is damaged', {
    skip: missingParser,
  }, async () => {
    assert.match(apparmorProfileText, /deny \/proc\/kcore r,/);
    const damaged = await compile(apparmorProfileText.replace('/proc/kcore r,', '/proc/kcore zz,'));
    assert.notEqual(damaged.code, 0);
    assert.match(damaged.said, /syntax error/);
  });

  test('printing it needs no root, installing it does', async () => {
    const nobody = (...args: string[]) =>
      output('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', './sdme', ...args);
    assert.equal(await nobody('config', 'apparmor-profile'), apparmorProfileText);
    await assert.rejects(nobody('config', 'apparmor-profile', '--install'), {
      code: 1,
      stderr: 'Error: sdme requires root privileges; run with sudo\n',
    });
  });

  const hasApparmor = existsSync('/sys/kernel/security/apparmor')
    ? 'this kernel has AppArmor; npm run test:vm installs the profile'
    : false;
  test('without AppArmor in the kernel, --install says so and writes nothing', {
    skip: hasApparmor,
  }, async () => {
    const refused = await sdme.run('config', 'apparmor-profile', '--install');
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(
      refused.stderr,
      /^Error: AppArmor is not available on this system; boot its kernel with apparmor=1/m,
    );
    assert.equal(existsSync('/etc/apparmor.d/sdme-default'), false);
  });
});
