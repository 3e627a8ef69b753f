import { Trans } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { AlertTriangle, WifiOff } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { meQuery } from "@/api/queries";
import { noteFailing, noteSilence, useReach } from "@/api/reach";
import { Button } from "@/design/Button";
import { useNow } from "@/design/Values";
import { formatClock } from "@/format/time";

const FIRST_PAUSE_S = 2;
const LAST_PAUSE_S = 15;

/** Says that what is shown may be old: the platform does not answer, or what it answered was an error. It goes when that is over. */
export function ReachBar() {
  const lost = useReach((state) => state.lostAt !== null);
  const failing = useReach((state) => state.failing);
  useEffect(() => {
    window.addEventListener("offline", noteSilence);
    return () => window.removeEventListener("offline", noteSilence);
  }, []);
  const queries = useQueryClient();
  const wasLost = useRef(lost);
  useEffect(() => {
    // Any request may have been the first that was answered again; what happened meanwhile is looked for.
    if (wasLost.current && !lost) void queries.invalidateQueries();
    wasLost.current = lost;
  }, [lost, queries]);
  if (lost) return <Lost />;
  if (failing) return <Failing id={failing.correlationId} />;
  return null;
}

function Lost() {
  const queries = useQueryClient();
  const heardAt = useReach((state) => state.heardAt);
  const now = useNow(1_000);
  const [tries, setTries] = useState(0);
  const [nextAt, setNextAt] = useState(() => Date.now() + FIRST_PAUSE_S * 1000);
  const attempt = useCallback(async () => {
    await queries.fetchQuery({ ...meQuery, staleTime: 0, retry: false }).catch(() => null);
    setTries((before) => before + 1);
  }, [queries]);
  useEffect(() => {
    const pause = Math.min(FIRST_PAUSE_S * 2 ** tries, LAST_PAUSE_S) * 1000;
    setNextAt(Date.now() + pause);
    const timer = window.setTimeout(() => void attempt(), pause);
    const atOnce = () => void attempt();
    window.addEventListener("online", atOnce);
    return () => {
      window.clearTimeout(timer);
      window.removeEventListener("online", atOnce);
    };
  }, [tries, attempt]);
  const seconds = Math.max(0, Math.ceil((nextAt - now.getTime()) / 1000));
  return (
    <Bar
      icon={<WifiOff className="size-4 shrink-0" aria-hidden="true" />}
      action={
        <Button small onClick={() => void attempt()}>
          <Trans>Try now</Trans>
        </Button>
      }
    >
      <Trans>
        Tollway cannot be reached. What you see is of <Clock at={heardAt} />.
      </Trans>{" "}
      <span aria-hidden="true">
        <Trans>Trying again in {seconds} s.</Trans>
      </span>
    </Bar>
  );
}

function Failing({ id }: { id: string }) {
  const queries = useQueryClient();
  const again = () => {
    noteFailing(null);
    void queries.invalidateQueries();
  };
  return (
    <Bar
      icon={<AlertTriangle className="size-4 shrink-0" aria-hidden="true" />}
      action={
        <Button small onClick={again}>
          <Trans>Try again</Trans>
        </Button>
      }
    >
      <Trans>Something on this page could not be loaded again. What you see may be old.</Trans>{" "}
      {id && <code className="text-xs break-all select-all">{id}</code>}
    </Bar>
  );
}

function Clock({ at }: { at: Date }) {
  return <time dateTime={at.toISOString()}>{formatClock(at, document.documentElement.lang, true)}</time>;
}

function Bar({
  icon,
  action,
  children,
}: {
  icon: React.ReactNode;
  action: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    // It lies over the page's end, so that nothing shifts when it comes and goes.
    <div
      role="status"
      className="enter-menu fixed inset-x-0 bottom-14 z-30 flex flex-wrap items-center justify-center gap-x-4 gap-y-2 border-t border-line bg-warn-soft px-4 py-2 text-sm text-warn md:bottom-0"
    >
      <span className="flex min-w-0 items-center gap-2">
        {icon}
        <span>{children}</span>
      </span>
      {action}
    </div>
  );
}
