import { useSyncExternalStore } from "react";

// Where `md:` begins.
const query = window.matchMedia("(min-width: 48rem)");

function subscribe(changed: () => void): () => void {
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
}

/** Whether the window is wider than a phone's. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => query.matches);
}
