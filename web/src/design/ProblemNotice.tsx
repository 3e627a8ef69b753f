import { Trans } from "@lingui/react/macro";
import { AlertTriangle, WifiOff } from "lucide-react";
import { Problem } from "@/api/problem";
import { Button } from "./Button";

/** What went wrong, what to do, and the id that support needs. `onRetry` puts a button beside it. */
export function ProblemNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const problem = error instanceof Problem ? error : null;
  const Icon = problem?.offline ? WifiOff : AlertTriangle;
  return (
    <div role="alert" className="flex items-start gap-3 rounded-card border border-bad/30 bg-bad-soft p-4">
      <Icon className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden="true" />
      <div className="min-w-0 grow">
        <p className="font-medium">
          {problem ? (
            problem.offline ? (
              <Trans>Tollway cannot be reached.</Trans>
            ) : (
              problem.message
            )
          ) : (
            <Trans>This part of the page failed.</Trans>
          )}
        </p>
        <p className="text-text-2">
          {problem?.offline ? (
            <Trans>Check the connection. What you see may be old.</Trans>
          ) : problem ? (
            problem.detail
          ) : (
            <Trans>Load the page again. If it fails again, write to support.</Trans>
          )}
        </p>
        {problem?.correlationId && (
          <p className="mt-1 text-xs text-text-3">
            <Trans>
              Id for support: <code className="select-all">{problem.correlationId}</code>
            </Trans>
          </p>
        )}
      </div>
      {onRetry && (
        <Button small onClick={onRetry}>
          <Trans>Try again</Trans>
        </Button>
      )}
    </div>
  );
}
