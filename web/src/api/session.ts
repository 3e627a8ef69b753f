import { keys } from "./keys";
import { queries } from "./queries";

// Tabs share the session's cookie: who signs in or out in one of them does so in all.
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("session");

/** Notify the other tabs of who is signed in now; "" for nobody. */
export function announceSession(userId: string): void {
  channel?.postMessage(userId);
}

/** Follow what other tabs do with the session. A tab that shows another customer's pages is loaded anew. */
export function followSession(): void {
  channel?.addEventListener("message", ({ data }: MessageEvent<string>) => {
    const shown = queries.getQueryData<{ id: string } | null>(keys.me());
    if (data && shown && shown.id !== data) window.location.assign("/dashboard");
    // The session is asked for: the answer also brings the token that changes are sent with.
    else if (shown !== undefined) void queries.refetchQueries({ queryKey: keys.me() });
  });
}
