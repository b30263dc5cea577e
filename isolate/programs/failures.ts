import {
  add,
  goTo,
  label,
  load,
  multiply,
  type Operand,
  type Step,
  set,
  systemCall,
  text,
  variable,
  when,
} from '../program.ts';

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

/** The failures of a program with the variables `cursor`, `result` and `digit`; `messages` are what it says of each. */
export function failures<Message extends string>(
  messages: Readonly<Record<Message, string>>,
): Failures<Message> {
  const end = (message: Message): string => `die: ${message}`;
  const all = Object.entries<string>(messages).map(([name, says]) => ({ name, bytes: bytesOf(`${says}\n`) }));
  const lineFeed = 0x0a;
  return {
    end,
    must: (name, operands, message) => [
      systemCall(name, operands, 'result'),
      when('result', '<', 0, end(message)),
    ],
    steps: [
      ...all.flatMap(({ name }) => [label(`die: ${name}`), set('cursor', text(name)), goTo('die')]),
      // Of the text at `cursor`, all up to the end of its line.
      label('die'),
      set('digit', variable('cursor')),
      label('next letter'),
      load('result', 1, 'digit'),
      add('digit', 1),
      when('result', '!=', lineFeed, 'next letter'),
      set('result', variable('cursor')),
      multiply('result', -1),
      add('digit', variable('result')),
      systemCall('write', [STDERR, variable('cursor'), variable('digit')], 'result'),
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
