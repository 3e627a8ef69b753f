import { Plural, Trans, useLingui } from "@lingui/react/macro";
import type { UseMutationResult, UseQueryResult } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import type { ReactNode } from "react";
import type { Permission } from "@/api/permissions";
import { Button } from "@/design/Button";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Progress } from "@/design/Progress";
import { Status } from "@/design/Status";
import { Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { isUnderWay, type Verification } from "./queries";

/** Whether a chain holds: how far its verification is, what the last one came to, and a button that begins one. */
export function VerificationPanel<Run extends Verification>({
  query,
  start,
  needs,
  checked,
  children,
}: {
  query: UseQueryResult<Run>;
  start: UseMutationResult<unknown, Error, void>;
  needs: Permission;
  /** What a verification that is done had checked. */
  checked: (run: Run) => ReactNode;
  /** What else there is to say of the chain. */
  children?: ReactNode;
}) {
  const underWay = query.data !== undefined && isUnderWay(query.data);
  return (
    <Panel
      title={<Trans>Verification</Trans>}
      actions={
        <Allowed to={needs}>
          <Button
            small
            icon={<ShieldCheck className="size-4" />}
            busy={start.isPending || underWay}
            onClick={() => start.mutate()}
          >
            <Trans>Verify now</Trans>
          </Button>
        </Allowed>
      }
    >
      <div className="grid gap-3" aria-live="polite">
        {children}
        {start.error && <ProblemNotice error={start.error} />}
        <Loaded query={query}>{(run) => <State run={run} checked={checked(run)} />}</Loaded>
      </div>
    </Panel>
  );
}

function State({ run, checked }: { run: Verification; checked: ReactNode }) {
  const { t, i18n } = useLingui();
  const number = (value: number) => new Intl.NumberFormat(i18n.locale).format(value);
  if (run.state === "never") {
    return (
      <p className="text-text-2">
        <Trans>It was never verified here. That reads everything from the first entry on and can take minutes.</Trans>
      </p>
    );
  }
  if (isUnderWay(run)) {
    return (
      <div className="grid gap-2">
        <p className="text-text-2">
          {run.total === 0 ? (
            <Trans>The verification begins.</Trans>
          ) : (
            <Trans>
              Being verified: {number(run.done)} of {number(run.total)}.
            </Trans>
          )}
        </p>
        <Progress label={t`Verification`} value={run.total === 0 ? null : run.done / run.total} />
      </div>
    );
  }
  if (run.state === "failed" || !run.verdict) {
    return (
      <p className="flex flex-wrap items-center gap-2">
        <Status tone="bad">{t`Failed`}</Status>
        <Trans>The verification could not be finished: {run.error}</Trans>
      </p>
    );
  }
  return (
    <>
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        {run.verdict.ok ? <Status tone="ok">{t`It holds`}</Status> : <Status tone="bad">{t`It does not hold`}</Status>}
        <span className="text-text-2">
          {checked} · {run.finished_at && <Time at={run.finished_at} />}
        </span>
      </p>
      {run.verdict.findings.length > 0 && (
        <div className="grid gap-1">
          <p className="font-medium">
            <Plural value={run.verdict.findings.length} one="# finding" other="# findings" />
          </p>
          <ul className="grid max-h-64 list-disc gap-1 overflow-y-auto ps-5 text-sm break-words">
            {run.verdict.findings.map((finding) => (
              <li key={finding}>{finding}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}
