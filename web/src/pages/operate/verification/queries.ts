import { queryOptions } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";

/** What the verifications of the books and of the audit trail have in common. */
export type Verification = Omit<Schema<"BooksVerification">, "verdict"> & {
  verdict: { ok: boolean; findings: string[] } | null;
};

const WORKING_MS = 1_000;
const REST_MS = 30_000;

export function isUnderWay(run: Pick<Verification, "state">): boolean {
  return run.state === "waiting" || run.state === "running";
}

const pace = (query: { state: { data?: Pick<Verification, "state"> | undefined } }) =>
  query.state.data && isUnderWay(query.state.data) ? WORKING_MS : REST_MS;

export const booksVerificationQuery = queryOptions({
  queryKey: keys.admin.verification("books"),
  queryFn: () => body(api.GET("/api/admin/ledger/verification")),
  refetchInterval: pace,
});

export const trailVerificationQuery = queryOptions({
  queryKey: keys.admin.verification("trail"),
  queryFn: () => body(api.GET("/api/admin/audit/verify")),
  refetchInterval: pace,
});
