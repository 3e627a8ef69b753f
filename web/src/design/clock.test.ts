import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeClock } from "./clock";

beforeEach(() => void vi.useFakeTimers({ now: new Date("2026-11-29T08:00:00Z") }));
afterEach(() => void vi.useRealTimers());

test("who looks later sees the moment that the others see", () => {
  const clock = makeClock();
  const seen: string[] = [];
  const look = () => clock.subscribe(() => void seen.push(clock.now().toISOString()));
  const leave = [look(), look()];
  vi.advanceTimersByTime(20_000);
  expect(seen).toEqual(["2026-11-29T08:00:15.000Z", "2026-11-29T08:00:15.000Z"]);
  // Another row comes five seconds later: all go on to this moment together.
  leave.push(look());
  clock.touch();
  clock.touch();
  expect(seen.slice(2)).toEqual(Array(3).fill("2026-11-29T08:00:20.000Z"));
  for (const one of leave) one();
  expect(vi.getTimerCount()).toBe(0);
});

test("a clock that nobody looked at for long goes on when it is looked at", () => {
  const clock = makeClock();
  vi.advanceTimersByTime(60_000);
  clock.subscribe(() => undefined)();
  clock.touch();
  expect(clock.now().toISOString()).toBe("2026-11-29T08:01:00.000Z");
});
