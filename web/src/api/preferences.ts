import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, body } from "./client";
import { keys } from "./keys";

export const preferencesQuery = queryOptions({
  queryKey: keys.preferences(),
  queryFn: async () => (await body(api.GET("/api/users/me/preferences"))).preferences,
});

const SEPARATOR = ",";

/** A preference that is a set of words, and a way to put one in or take it out. */
export function usePreferredSet(name: string): {
  chosen: ReadonlySet<string>;
  toggle: (word: string) => void;
  error: Error | null;
} {
  const queries = useQueryClient();
  const preferences = useQuery(preferencesQuery);
  const change = useMutation({
    mutationFn: async (word: string) => {
      // The whole set is replaced, so what another page has changed meanwhile is read first.
      const current = (await body(api.GET("/api/users/me/preferences"))).preferences;
      const words = wordsOf(current[name]);
      if (!words.delete(word)) words.add(word);
      const next = { ...current, [name]: [...words].join(SEPARATOR) };
      return (await body(api.PUT("/api/users/me/preferences", { body: { preferences: next } }))).preferences;
    },
    onSuccess: (saved) => queries.setQueryData(keys.preferences(), saved),
  });
  const chosen = wordsOf(preferences.data?.[name]);
  // What was pressed is shown at once, and is undone when it could not be saved.
  if (change.isPending && !chosen.delete(change.variables)) chosen.add(change.variables);
  return { chosen, toggle: change.mutate, error: change.error ?? preferences.error };
}

const wordsOf = (text: string | undefined) => new Set((text ?? "").split(SEPARATOR).filter(Boolean));
