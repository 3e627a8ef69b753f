import { useLayoutEffect, useSyncExternalStore } from "react";

const TICK_MS = 15_000;
const FRESH_MS = 1_000;

/** A clock that everybody who looks at it sees at the same moment. It goes while somebody looks. */
export function makeClock(read: () => number = Date.now) {
  let now = new Date(read());
  let timer: ReturnType<typeof setInterval> | undefined;
  const lookers = new Set<() => void>();
  const tick = () => {
    now = new Date(read());
    for (const look of lookers) look();
  };
  return {
    now: () => now,
    /** Go on to this moment, so that what happened just now does not seem to lie ahead. */
    touch: () => {
      if (Math.abs(read() - now.getTime()) >= FRESH_MS) tick();
    },
    subscribe: (look: () => void) => {
      lookers.add(look);
      timer ??= setInterval(tick, TICK_MS);
      return () => {
        lookers.delete(look);
        if (lookers.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

const page = makeClock();

/** The moment by which the whole page tells how long ago things were. `at` is what is told. */
export function usePageClock(at?: string): Date {
  // biome-ignore lint/correctness/useExhaustiveDependencies: another moment that is told is newer, perhaps.
  useLayoutEffect(page.touch, [at]);
  return useSyncExternalStore(page.subscribe, page.now);
}
