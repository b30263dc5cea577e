/** Locks by key within this process, shared or exclusive, given in the order in which they were asked for. */
export interface KeyedMutex {
  /** Takes the lock if nobody stands in the way. */
  tryTake(key: string, mode: 'shared' | 'exclusive'): Disposable | undefined;
  /** Waits for the lock. A reader behind a waiting writer waits too, so that writers are not starved. @throws the signal's reason */
  take(key: string, mode: 'shared' | 'exclusive', signal: AbortSignal): Promise<Disposable>;
}

interface Waiter {
  readonly mode: 'shared' | 'exclusive';
  readonly enter: () => void;
}

interface Room {
  readers: number;
  writer: boolean;
  readonly line: Waiter[];
}

/** Makes a set of locks; a key without holder or waiter costs nothing. */
export function makeKeyedMutex(): KeyedMutex {
  const rooms = new Map<string, Room>();
  const roomOf = (key: string): Room => {
    const known = rooms.get(key);
    if (known !== undefined) return known;
    const room: Room = { readers: 0, writer: false, line: [] };
    rooms.set(key, room);
    return room;
  };
  const enter = (room: Room, mode: 'shared' | 'exclusive'): void => {
    if (mode === 'shared') room.readers += 1;
    else room.writer = true;
  };
  const fits = (room: Room, mode: 'shared' | 'exclusive'): boolean =>
    !room.writer && (mode === 'shared' || room.readers === 0);
  const admit = (key: string, room: Room): void => {
    for (let next = room.line[0]; next !== undefined && fits(room, next.mode); next = room.line[0]) {
      room.line.shift();
      enter(room, next.mode);
      next.enter();
    }
    if (room.line.length === 0 && room.readers === 0 && !room.writer) rooms.delete(key);
  };
  const hold = (key: string, room: Room, mode: 'shared' | 'exclusive'): Disposable => {
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        if (mode === 'shared') room.readers -= 1;
        else room.writer = false;
        admit(key, room);
      },
    };
  };
  const tryTake = (key: string, mode: 'shared' | 'exclusive'): Disposable | undefined => {
    const room = roomOf(key);
    if (room.line.length > 0 || !fits(room, mode)) return undefined;
    enter(room, mode);
    return hold(key, room, mode);
  };
  return {
    tryTake,
    take: async (key, mode, signal) => {
      signal.throwIfAborted();
      const free = tryTake(key, mode);
      if (free !== undefined) return free;
      const room = roomOf(key);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = { mode, enter: resolve };
      room.line.push(waiter);
      const leave = (): void => {
        const place = room.line.indexOf(waiter);
        if (place < 0) return;
        room.line.splice(place, 1);
        reject(signal.reason);
        // Whoever stood behind may fit now.
        admit(key, room);
      };
      signal.addEventListener('abort', leave, { once: true });
      try {
        await promise;
      } finally {
        signal.removeEventListener('abort', leave);
      }
      return hold(key, room, mode);
    },
  };
}
