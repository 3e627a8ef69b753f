import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Activity } from "lucide-react";
import { useState } from "react";
import { locationsQuery } from "@/api/catalog";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { SelectField } from "@/design/Field";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Spinner } from "@/design/Spinner";
import { Status } from "@/design/Status";
import { nameOfStep, whatToDo } from "./testWords";

type Test = Schema<"ConnectionTestView">;
type Step = Schema<"StepResultView">;

const LOOK_EVERY_MS = 400;
const STEPS = ["resolve", "connect", "login", "target", "exit"] as const;

/** Has a node go through its own proxy as a client would, and shows how each step went. */
export function TestPanel({ resources }: { resources: readonly Schema<"ResourceDetail">[] }) {
  const { t } = useLingui();
  const places = useQuery(locationsQuery).data ?? [];
  const [resource, setResource] = useState(resources[0]?.id ?? "");
  const [location, setLocation] = useState("");
  const start = useMutation({
    mutationFn: () =>
      body(api.POST("/api/proxy/test", { body: { resource_id: resource, ...(location ? { location } : {}) } })),
  });
  const id = start.data?.id ?? "";
  const look = useQuery({
    queryKey: keys.connectionTest(id),
    queryFn: () => body(api.GET("/api/proxy/test/{test_id}", { params: { path: { test_id: id } } })),
    enabled: id !== "",
    refetchInterval: ({ state }) => (state.data && state.data.state !== "running" ? false : LOOK_EVERY_MS),
  });
  const test = look.data ?? start.data;
  const running = start.isPending || test?.state === "running";
  return (
    <Panel
      title={<Trans>Connection test</Trans>}
      actions={
        <Button
          small
          kind="primary"
          busy={running}
          icon={<Activity className="size-4" />}
          onClick={() => start.mutate()}
        >
          {test ? <Trans>Test again</Trans> : <Trans>Test the connection</Trans>}
        </Button>
      }
    >
      <div className="grid gap-4">
        <p className="max-w-prose text-text-2">
          <Trans>
            A proxy node connects to itself with your access, as a client would. It is a real connection: about 1 kB is
            charged, and it appears among your connections. The way from you to the node is not part of it.
          </Trans>
        </p>
        {(resources.length > 1 || places.length > 1) && (
          <div className="grid max-w-xl gap-4 sm:grid-cols-2">
            {resources.length > 1 && (
              <SelectField
                label={t`Access`}
                value={resource}
                onChange={(event) => setResource(event.target.value)}
                options={resources.map((one) => ({ value: one.id, label: one.label || one.asset }))}
              />
            )}
            {places.length > 1 && (
              <SelectField
                label={t`Location`}
                value={location}
                onChange={(event) => setLocation(event.target.value)}
                options={[
                  { value: "", label: t`As the access is set` },
                  ...places.map((one) => ({ value: one.id, label: one.name })),
                ]}
              />
            )}
          </div>
        )}
        {start.error && <ProblemNotice error={start.error} />}
        {look.error && <ProblemNotice error={look.error} onRetry={() => void look.refetch()} />}
        {test && <Found test={test} />}
      </div>
    </Panel>
  );
}

function Found({ test }: { test: Test }) {
  const { t } = useLingui();
  const taken = test.steps.reduce((sum, { ms }) => sum + (ms ?? 0), 0);
  return (
    <div className="grid gap-3 border-t border-line pt-4" aria-live="polite">
      <p className="flex flex-wrap items-center gap-2">
        {test.state === "running" && <Status tone="wait">{t`Running`}</Status>}
        {test.state === "passed" && <Status tone="ok">{t`The way is clear`}</Status>}
        {test.state === "failed" && <Status tone="bad">{t`A step failed`}</Status>}
        {test.state === "unanswered" && <Status tone="bad">{t`No answer`}</Status>}
        <span className="text-sm text-text-3">
          {test.node}
          {test.state === "passed" && (
            <>
              {" · "}
              <Milliseconds ms={taken} />
            </>
          )}
        </span>
      </p>
      {test.state === "unanswered" && (
        <p>
          <Trans>The node did not finish in time. Test again; another one may carry it out.</Trans>
        </p>
      )}
      <ol className="grid gap-2">
        {STEPS.map((name, index) => (
          <StepRow
            key={name}
            name={name}
            step={test.steps[index]}
            next={test.state === "running" && index === test.steps.length}
          />
        ))}
      </ol>
    </div>
  );
}

/** One step: what it found and how long it took, or what to do about it; grey until it was taken. */
function StepRow({ name, step, next }: { name: Step["name"]; step: Step | undefined; next: boolean }) {
  const { t, i18n } = useLingui();
  const note = step && whatToDo(step);
  return (
    <li className="grid grid-cols-[auto_minmax(0,1fr)_auto] items-start gap-x-3 gap-y-0.5 sm:grid-cols-[5rem_minmax(0,1fr)_auto]">
      <span>
        {step?.ok && <Status tone="ok">{t`Done`}</Status>}
        {step && !step.ok && <Status tone="bad">{t`Failed`}</Status>}
        {!step && !next && <Status tone="off">{t`Not yet`}</Status>}
        {next && <Spinner />}
      </span>
      <span className={`flex min-w-0 flex-wrap gap-x-2 ${step ? "" : "text-text-3"}`}>
        <span className="font-medium">{i18n._(nameOfStep(name))}</span>
        {step?.detail && (
          <span className="min-w-0 break-words text-text-2" dir="ltr">
            {step.detail}
          </span>
        )}
      </span>
      <span className="text-sm tabular-nums text-text-3">
        {step && (step.ms === null ? <Trans>with the next</Trans> : <Milliseconds ms={step.ms} />)}
      </span>
      {note && (
        <span className="col-span-full text-sm text-text-2 sm:col-span-2 sm:col-start-2">
          {typeof note === "string" ? note : i18n._(note)}
        </span>
      )}
    </li>
  );
}

function Milliseconds({ ms }: { ms: number }) {
  const { i18n } = useLingui();
  const text = i18n.number(ms, { maximumFractionDigits: ms < 10 ? 1 : 0 });
  return <>{text} ms</>;
}
