import { create } from "zustand";
import type { Problem } from "./problem";

interface Reach {
  /** Since when the platform has not answered; null while it does. */
  lostAt: Date | null;
  /** When it answered last. */
  heardAt: Date;
  /** What it answered when something that is shown was to be loaded again; null when that went well. */
  failing: Problem | null;
}

/** Whether the platform answers. Every request notes here how it went. */
export const useReach = create<Reach>(() => ({ lostAt: null, heardAt: new Date(), failing: null }));

export function noteAnswer(): void {
  useReach.setState({ lostAt: null, heardAt: new Date() });
}

export function noteSilence(): void {
  useReach.setState(({ lostAt }) => ({ lostAt: lostAt ?? new Date() }));
}

export function noteFailing(failing: Problem | null): void {
  if (useReach.getState().failing !== failing) useReach.setState({ failing });
}
