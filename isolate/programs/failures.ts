import { goTo, label, type Operand, type Step, set, systemCall, text, variable, when } from '../program.ts';

const STDERR = 2;

/** How a program ends when something it needs fails: it writes one line to standard error and exits 1. */
export interface Failures<Message extends string> {
  /** A system call that must not fail: a negative answer ends the process with the message. */
  must(name: string, operands: readonly Operand[], message: Message): Step[];
  /** The label that ends the process with the message. */
  end(message: Message): string;
  /** What the labels lead to; also the label `exit`, which ends the process with the code in `result`. */
  readonly steps: readonly Step[];
  /** The texts that the steps use. */
  readonly texts: Readonly<Record<string, Uint8Array>>;
}

/** The failures of a program with the variables `cursor` and `result`; `messages` are what it says of each. */
export function failures<Message extends string>(
  messages: Readonly<Record<Message, string>>,
): Failures<Message> {
  const end = (message: Message): string => `die: ${message}`;
  const all = Object.entries<string>(messages).map(([name, says]) => ({ name, bytes: bytesOf(`${says}\n`) }));
  return {
    end,
    must: (name, operands, message) => [
      systemCall(name, operands, 'result'),
      when('result', '<', 0, end(message)),
    ],
    steps: [
      ...all.flatMap(({ name, bytes }) => [
        label(`die: ${name}`),
        set('cursor', text(name)),
        set('result', bytes.length),
        goTo('die'),
      ]),
      label('die'),
      systemCall('write', [STDERR, variable('cursor'), variable('result')], 'result'),
      set('result', 1),
      label('exit'),
      systemCall('exit', [variable('result')], 'result'),
    ],
    texts: Object.fromEntries(all.map(({ name, bytes }) => [name, bytes])),
  };
}

/** A text of a program. */
export function bytesOf(string: string): Uint8Array {
  return new TextEncoder().encode(string);
}
