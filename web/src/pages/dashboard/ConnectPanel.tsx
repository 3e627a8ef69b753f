import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { PlugZap } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { Button, buttonClass } from "@/design/Button";
import { Code } from "@/design/Code";
import { CopyField } from "@/design/Copy";
import { EmptyState } from "@/design/EmptyState";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Segmented } from "@/design/Segmented";
import { Skeleton } from "@/design/Skeleton";
import type { Connected } from "@/pages/proxy/queries";
import { snippets } from "./snippets";

const Qr = lazy(async () => ({ default: (await import("@/design/Qr")).Qr }));

/** Connect in one click: a fresh credential with its address, a QR code and code for the usual clients. */
export function ConnectPanel({ endpoints }: { endpoints: readonly Schema<"EndpointView">[] }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const connect = useMutation({
    mutationFn: () => body(api.POST("/api/proxy/connect", { body: { label: t`Console` } })),
    onSuccess: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: keys.proxyConfig() }),
        queries.invalidateQueries({ queryKey: keys.proxyStatus() }),
      ]),
  });
  return (
    <Panel
      title={<Trans>Connect</Trans>}
      actions={
        connect.data && (
          <Button small kind="quiet" busy={connect.isPending} onClick={() => connect.mutate()}>
            <Trans>New credential</Trans>
          </Button>
        )
      }
    >
      {connect.data ? (
        <Ready connected={connect.data} />
      ) : (
        <>
          <dl className="grid gap-3 sm:grid-cols-2">
            {endpoints.map((endpoint) => (
              <div key={`${endpoint.protocol}:${endpoint.host}:${endpoint.port}`} className="grid min-w-0 gap-1">
                <dt className="text-sm text-text-3">{endpoint.protocol.toUpperCase()}</dt>
                <dd>
                  <CopyField value={`${endpoint.host}:${endpoint.port}`} label={t`Copy the endpoint`} />
                </dd>
              </div>
            ))}
          </dl>
          {connect.error ? (
            <div className="mt-4">
              <NotConnected error={connect.error} />
            </div>
          ) : (
            <EmptyState
              icon={<PlugZap />}
              action={
                <Button kind="primary" busy={connect.isPending} onClick={() => connect.mutate()}>
                  <Trans>Connect</Trans>
                </Button>
              }
            >
              <Trans>You get a user name and a password, with code for your client. The password is shown once.</Trans>
            </EmptyState>
          )}
        </>
      )}
    </Panel>
  );
}

function NotConnected({ error }: { error: Error }) {
  if (error instanceof Problem && error.status === 402) {
    return (
      <EmptyState
        action={
          <Link to="/billing/catalogue" className={buttonClass("primary")}>
            <Trans>See the catalogue</Trans>
          </Link>
        }
      >
        <Trans>You have no data yet. Buy some to connect.</Trans>
      </EmptyState>
    );
  }
  return <ProblemNotice error={error} />;
}

function Ready({ connected }: { connected: Connected }) {
  const { t } = useLingui();
  const proxy = connected.proxies.find(({ protocol }) => protocol === "http") ?? connected.proxies[0];
  const [shown, setShown] = useState("curl");
  if (!proxy) return null;
  const all = snippets(proxy.url);
  const snippet = all.find(({ name }) => name === shown) ?? all[0];
  return (
    <div className="grid gap-4">
      <div className="grid gap-3 sm:grid-cols-3">
        <Value name={t`Endpoint`} value={`${proxy.host}:${proxy.port}`} />
        <Value name={t`User name`} value={connected.username} />
        <Value name={t`Password, shown once`} value={connected.password} />
      </div>
      <Segmented
        label={t`Client`}
        value={shown}
        onChange={setShown}
        options={all.map(({ name }) => ({ value: name, label: name }))}
      />
      {snippet && <Code text={snippet.text} />}
      <details>
        <summary className="rounded-chip text-sm text-accent">
          <Trans>Show as a QR code</Trans>
        </summary>
        <div className="pt-3">
          <Suspense fallback={<Skeleton className="size-44" />}>
            <Qr text={proxy.url} label={t`The proxy's address with its credentials`} />
          </Suspense>
        </div>
      </details>
    </div>
  );
}

function Value({ name, value }: { name: string; value: string }) {
  const { t } = useLingui();
  return (
    <div className="grid min-w-0 gap-1">
      <span className="text-sm text-text-3">{name}</span>
      <CopyField value={value} label={t`Copy: ${name}`} />
    </div>
  );
}
