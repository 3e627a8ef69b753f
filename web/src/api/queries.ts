import { MutationCache, QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { api, body } from "./client";
import { keys } from "./keys";
import { Problem } from "./problem";

const FRESH_MS = 10_000;
const MOST_RETRIES = 2;

// Why the form to sign in stands over the page: the session ended, or it is too old for what was wanted.
let tooOld = false;

/** Whether the session goes on and only the sign-in was too long ago. */
export function signInTooOld(): boolean {
  return tooOld;
}

function signedOut(error: unknown): void {
  if (error instanceof Problem && error.status === 401 && queries.getQueryData(keys.me())) {
    tooOld = error.code === "insufficient_user_authentication";
    // The session ended elsewhere. The page keeps what was typed; the shell shows how to sign in again.
    queries.setQueryData(keys.me(), null);
  }
}

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: signedOut }),
  mutationCache: new MutationCache({ onError: signedOut }),
  defaultOptions: {
    queries: {
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
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
});
