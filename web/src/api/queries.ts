import { MutationCache, QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { api, body } from "./client";
import { keys } from "./keys";
import { Problem } from "./problem";
import { noteFailing } from "./reach";

const FRESH_MS = 10_000;
const MOST_RETRIES = 2;

// Why the form to sign in stands over the page: the session ended, or it is too old for what was wanted.
let tooOld = false;

let lastUser = "";

function rememberUser(): void {
  lastUser = queries.getQueryData<{ id: string } | null>(keys.me())?.id ?? lastUser;
}

/** Who was signed in on this page before nobody was. */
export function lastUserId(): string {
  return lastUser;
}

/** Whether the session goes on and only the sign-in was too long ago. */
export function signInTooOld(): boolean {
  return tooOld;
}

function signedOut(error: unknown): void {
  if (error instanceof Problem && error.status === 401 && queries.getQueryData(keys.me())) {
    rememberUser();
    tooOld = error.code === "insufficient_user_authentication";
    // The session ended elsewhere. The page keeps what was typed; the shell shows how to sign in again.
    queries.setQueryData(keys.me(), null);
  }
}

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      signedOut(error);
      // What was loaded once goes on being shown; that it is old has to be said.
      if (query.state.data !== undefined && error instanceof Problem && error.status >= 500) noteFailing(error);
    },
    onSuccess: () => noteFailing(null),
  }),
  mutationCache: new MutationCache({
    onError: signedOut,
    // Whatever was bought, paid in, stopped or connected shows on the first page, however soon one goes there.
    onSuccess: () => void queries.invalidateQueries({ queryKey: keys.dashboard() }),
  }),
  defaultOptions: {
    // A browser's own idea of being online does not count: a request that fails says so, and one that waits would say nothing.
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      staleTime: FRESH_MS,
      // What the platform refused it will refuse again; only a lost connection or an overloaded platform is worth another try.
      retry: (count, error) =>
        count < MOST_RETRIES && error instanceof Problem && (error.offline || error.status >= 500),
    },
  },
});

/** Who is signed in; null when nobody is. */
export const meQuery = queryOptions({
  queryKey: keys.me(),
  queryFn: async () => {
    try {
      return await body(api.GET("/api/auth/me"));
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401)) throw error;
      rememberUser();
      return null;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
});
