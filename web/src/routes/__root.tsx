import { Trans } from "@lingui/react/macro";
import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, Link, Outlet } from "@tanstack/react-router";
import { buttonClass } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { ProblemNotice } from "@/design/ProblemNotice";

export const Route = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Outlet,
  notFoundComponent: () => (
    <main className="grid min-h-dvh place-items-center">
      <EmptyState
        action={
          <Link to="/dashboard" className={buttonClass("primary")}>
            <Trans>Go to the dashboard</Trans>
          </Link>
        }
      >
        <Trans>There is no page at this address.</Trans>
      </EmptyState>
    </main>
  ),
  errorComponent: ({ error, reset }) => (
    <main className="mx-auto grid min-h-dvh max-w-lg content-center p-4">
      <ProblemNotice error={error} onRetry={reset} />
    </main>
  ),
});
