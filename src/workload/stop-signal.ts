/** Signals of Linux by name, for x86-64 and aarch64 (signal(7)), that can end a workload in an orderly way. */
const signals = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  WINCH: 28,
  IO: 29,
  PWR: 30,
} as const;
/** SIGRTMIN as the C library counts (signal(7), "Real-time signals"). */
const firstRealtime = 34;
const lastRealtime = 64;

export interface StopSignal {
  /** As `KillSignal=` takes it. */
  readonly name: string;
  readonly number: number;
}

function isName(text: string): text is keyof typeof signals {
  return Object.hasOwn(signals, text);
}

/** An image's `StopSignal`: a name with or without `SIG`, `SIGRTMIN+n`, or a number; undefined for all else. */
export function parseStopSignal(text: string): StopSignal | undefined {
  const bare = text.toUpperCase().replace(/^SIG/, '');
  if (isName(bare)) return { name: `SIG${bare}`, number: signals[bare] };
  const realtime = /^RTMIN(?:\+([0-9]{1,2}))?$/.exec(bare);
  const number =
    realtime === null ? Number(/^[1-9][0-9]?$/.exec(text)?.[0]) : firstRealtime + Number(realtime[1] ?? 0);
  if (number >= firstRealtime && number <= lastRealtime) {
    return { name: `SIGRTMIN+${number - firstRealtime}`, number };
  }
  const known = Object.entries(signals).find(([, value]) => value === number);
  return known === undefined ? undefined : { name: `SIG${known[0]}`, number };
}
