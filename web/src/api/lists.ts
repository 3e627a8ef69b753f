import { infiniteQueryOptions, type QueryKey } from "@tanstack/react-query";

/** One page of a list, as every list of the API answers. */
export interface ListPage<Item> {
  items: Item[];
  next_cursor: string;
}

export const PAGE_LIMIT = 100;

/** The options of a list that is loaded page by page. `load` fetches the page that begins at a cursor, "" for the first. */
export const listOptions = <Item>(queryKey: QueryKey, load: (cursor: string) => Promise<ListPage<Item>>) =>
  infiniteQueryOptions({
    queryKey,
    initialPageParam: "",
    queryFn: ({ pageParam }) => load(pageParam),
    getNextPageParam: (page) => page.next_cursor || undefined,
    // All pages of a list are loaded again in turn. Who has opened many asks for that by loading the page of the console again.
    refetchOnWindowFocus: ({ state }) => (state.data?.pages.length ?? 0) <= 1,
    refetchOnMount: ({ state }) => (state.data?.pages.length ?? 0) <= 1,
  });

/** The parameters of a query without those that are not set, so that an address says only what was asked for. */
export function only<Query extends object>(query: Query): { [Name in keyof Query]?: Exclude<Query[Name], undefined> } {
  return Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== undefined && value !== ""),
  ) as ReturnType<typeof only<Query>>;
}
