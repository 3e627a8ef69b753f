import { Trans } from "@lingui/react/macro";
import { AlertTriangle, WifiOff } from "lucide-react";
import type { ReactNode } from "react";
import { Problem } from "@/api/problem";
import { formatCountdown } from "@/format/time";
import { Button } from "./Button";
import { problemText } from "./problemText";
import { useWait } from "./useWait";

/** What went wrong, what to do, and the id that support needs. `onRetry` puts a button beside it; `action` something else that helps. */
export function ProblemNotice({
  error,
  onRetry,
  action,
}: {
  error: unknown;
  onRetry?: () => void;
  action?: ReactNode;
}) {
  const problem = error instanceof Problem ? error : null;
  const Icon = problem?.offline ? WifiOff : AlertTriangle;
  const waitS = useWait(error);
  return (
    <div role="alert" className="flex flex-wrap items-start gap-3 rounded-card border border-bad/30 bg-bad-soft p-4">
      <Icon className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden="true" />
      <div className="min-w-0 grow basis-48">
        <Words problem={problem} />
        {waitS > 0 && !onRetry && (
          <p className="text-text-2">
            <Trans>Again in {formatCountdown(waitS)}</Trans>
          </p>
        )}
        {problem?.correlationId && (
          <p className="mt-1 text-xs break-words text-text-3">
            <Trans>
              Id for support: <code className="select-all">{problem.correlationId}</code>
            </Trans>
          </p>
        )}
      </div>
      {action}
      {onRetry && (
        <Button small disabled={waitS > 0} onClick={onRetry}>
          {waitS > 0 ? <Trans>Again in {formatCountdown(waitS)}</Trans> : <Trans>Try again</Trans>}
        </Button>
      )}
    </div>
  );
}

function Words({ problem }: { problem: Problem | null }) {
  if (problem === null) {
    return (
      <>
        <p className="font-medium">
          <Trans>This part of the page failed.</Trans>
        </p>
        <p className="text-text-2">
          <Trans>Load the page again. If it fails again, write to support.</Trans>
        </p>
      </>
    );
  }
  if (problem.offline) {
    return (
      <>
        <p className="font-medium">
          <Trans>Tollway cannot be reached.</Trans>
        </p>
        <p className="text-text-2">
          <Trans>Check the connection. What you see may be old.</Trans>
        </p>
      </>
    );
  }
  const { title, detail, original } = problemText(problem);
  return (
    <>
      <p className="font-medium">{title}</p>
      <p className="text-text-2">{detail}</p>
      {original && (
        <p className="mt-1 text-sm text-text-3" lang="en">
          {original}
        </p>
      )}
    </>
  );
}
