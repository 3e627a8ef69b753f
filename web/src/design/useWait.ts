import { useEffect, useState } from "react";
import { Problem } from "@/api/problem";

/** Seconds until the platform takes another try, as it asked for, counted down; 0 when it asked for none. */
export function useWait(error: unknown): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const wait = error instanceof Problem && error.status === 429 ? (error.retryAfterS ?? 0) : 0;
    setLeft(wait);
    if (wait === 0) return;
    const until = Date.now() + wait * 1000;
    const timer = window.setInterval(() => {
      const seconds = Math.max(0, (until - Date.now()) / 1000);
      setLeft(seconds);
      if (seconds === 0) window.clearInterval(timer);
    }, 250);
    return () => window.clearInterval(timer);
  }, [error]);
  return left;
}
