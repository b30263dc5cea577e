import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';

const module = new URL('../../../src/cli/interrupt.ts', import.meta.url).href;
/** Waits for ever under our watch; says what it sees. */
const program = `
  const { watchInterrupts } = await import(${JSON.stringify(module)});
  const interrupt = watchInterrupts();
  interrupt.onSecond(() => console.log('last words'));
  const { promise, resolve } = Promise.withResolvers();
  const alive = setTimeout(() => {}, 60_000);
  interrupt.signal.addEventListener('abort', () => console.log('first ' + interrupt.exitCode()));
  if (process.argv[1] === 'leave') {
    process.once('SIGINT', () => { console.log('passed on ' + interrupt.exitCode()); resolve(); });
    console.log('ready');
    await interrupt.leaveTo(() => promise);
    clearTimeout(alive);
  } else console.log('ready');
`;

/** Sends a signal whenever the program has written one of the lines; its output and exit code. */
async function watched(
  arg: string,
  signals: Readonly<Record<string, NodeJS.Signals>>,
  before = '',
): Promise<{ said: string[]; code: number | null }> {
  const run = `${before} exec "$0" --input-type=module -e "$1" "$2"`;
  const child: ChildProcess = spawn('sh', ['-c', run, process.execPath, program, arg], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(child.stdout !== null);
  child.stdout.on('data', (part: Buffer) => {
    for (const line of part.toString().split('\n')) {
      const signal = signals[line];
      if (signal !== undefined) child.kill(signal);
    }
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const said = (await text(child.stdout)).trim().split('\n');
  return { said, code: await ended };
}

describe('watchInterrupts', () => {
  test('the first signal is told, the second ends the process at once with last words', async () => {
    const { said, code } = await watched('', { ready: 'SIGINT', 'first 130': 'SIGINT' });
    assert.deepEqual([said, code], [['ready', 'first 130', 'last words'], 130]);
  });

  test('SIGTERM has its own exit code, which a later Ctrl-C does not change', async () => {
    const { said, code } = await watched('', { ready: 'SIGTERM', 'first 143': 'SIGINT' });
    assert.deepEqual([said, code], [['ready', 'first 143', 'last words'], 143]);
  });

  test('it hears SIGINT although a shell started it with SIGINT ignored', async () => {
    const { code } = await watched('', { ready: 'SIGINT', 'first 130': 'SIGINT' }, `trap '' INT;`);
    assert.equal(code, 130);
  });

  test('while a command has the terminal, signals are the command’s', async () => {
    const { said, code } = await watched('leave', { ready: 'SIGINT' });
    assert.deepEqual([said, code], [['ready', 'passed on undefined'], 0]);
  });
});
