import { Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { EmptyState } from "@/design/EmptyState";
import { Facts } from "@/design/Facts";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { SearchField } from "@/design/SearchField";
import { Status } from "@/design/Status";
import { Table } from "@/design/Table";
import { Bytes } from "@/design/Values";
import { gatewayQuery, gatewayRoutesQuery } from "./queries";

const route = getRouteApi("/operate/gateway");

/** The REST edge: what is under way, who asks most, what is kept away, and where requests go. */
export function GatewayPage() {
  const { t, i18n } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const gateway = useQuery(gatewayQuery);
  const routes = useQuery({ ...gatewayRoutesQuery(search.q ?? ""), placeholderData: keepPreviousData });
  const number = (value: number) => new Intl.NumberFormat(i18n.locale).format(value);
  return (
    <>
      <PageHead title={<Trans>Gateway</Trans>} lead={<Trans>Where requests come in, and where they go.</Trans>} />
      <Loaded query={gateway}>
        {(found) => (
          <>
            {found.routes_error && (
              <Panel>
                <p className="flex flex-wrap items-center gap-2">
                  <Status tone="bad">{t`Routes`}</Status>
                  <Trans>The newest routes are not in force: {found.routes_error}</Trans>
                </p>
              </Panel>
            )}
            <Panel title={<Trans>At this moment</Trans>}>
              <Facts
                facts={[
                  [t`Answered by`, <code key="name">{found.name}</code>],
                  [t`Connections`, number(found.connections)],
                  [t`Requests under way`, number(found.requests)],
                  [t`WebSockets`, number(found.websockets)],
                ]}
              />
            </Panel>
            <Panel flush title={<Trans>Who asks most</Trans>}>
              {found.callers.length === 0 ? (
                <EmptyState>
                  <Trans>Nobody asked in the last minutes.</Trans>
                </EmptyState>
              ) : (
                <Table
                  label={t`Who asks most`}
                  rows={found.callers}
                  rowKey={(one) => one.caller}
                  columns={[
                    { key: "caller", head: t`Client`, phone: "title", cell: (one) => <code>{one.caller}</code> },
                    {
                      key: "requests",
                      head: t`Requests`,
                      numeric: true,
                      phone: "end",
                      cell: (one) => number(one.requests),
                    },
                    { key: "refused", head: t`Refused`, numeric: true, cell: (one) => number(one.refused) },
                    { key: "bytes", head: t`Data`, numeric: true, cell: (one) => <Bytes count={one.bytes_total} /> },
                  ]}
                />
              )}
            </Panel>
            <Panel flush title={<Trans>Endpoints</Trans>}>
              <Table
                label={t`Endpoints`}
                rows={found.endpoints}
                rowKey={(one) => `${one.cluster} ${one.address}`}
                columns={[
                  { key: "cluster", head: t`Service`, phone: "title", cell: (one) => one.cluster },
                  {
                    key: "address",
                    head: t`Address`,
                    phone: "hidden",
                    cell: (one) => (
                      <code dir="ltr" title={one.address}>
                        {one.address}
                      </code>
                    ),
                  },
                  {
                    key: "breaker",
                    head: t`State`,
                    phone: "end",
                    cell: (one) =>
                      one.breaker === "closed" ? (
                        <Status tone="ok">{t`Reachable`}</Status>
                      ) : (
                        <Status tone="bad">{t`Kept away`}</Status>
                      ),
                  },
                  { key: "requests", head: t`Under way`, numeric: true, cell: (one) => number(one.requests) },
                  {
                    key: "connections",
                    head: t`Connections`,
                    numeric: true,
                    phone: "hidden",
                    cell: (one) => number(one.connections),
                  },
                ]}
              />
            </Panel>
            <Panel flush title={<Trans>Limits</Trans>}>
              <Table
                label={t`Limits`}
                rows={found.limits}
                rowKey={(one) => one.name}
                columns={[
                  { key: "name", head: t`Class`, phone: "title", cell: (one) => <code>{one.name}</code> },
                  {
                    key: "quota",
                    head: t`Allowed`,
                    phone: "end",
                    cell: (one) => (
                      <Trans>
                        {number(one.quota)} in {number(one.window_s)} s
                      </Trans>
                    ),
                  },
                  {
                    key: "by",
                    head: t`Counted by`,
                    cell: (one) => (one.by === "ip" ? t`Address` : t`Account or address`),
                  },
                  { key: "counted", head: t`Counted now`, numeric: true, cell: (one) => number(one.counted) },
                ]}
              />
            </Panel>
          </>
        )}
      </Loaded>
      <Panel flush title={<Trans>Routes</Trans>}>
        <div className="border-b border-line p-4 sm:w-80">
          <SearchField
            label={t`Path or service`}
            value={search.q ?? ""}
            onChange={(q) => void navigate({ search: { q: q.trim() || undefined }, replace: true })}
          />
        </div>
        <Loaded query={routes}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState>
                <Trans>No route matches.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Routes`}
                rows={all}
                rowKey={(one) => one.name}
                dimmed={routes.isPlaceholderData}
                columns={[
                  {
                    key: "path",
                    head: t`Path`,
                    phone: "title",
                    cell: (one) => (
                      <code dir="ltr" title={one.path}>
                        {one.path}
                      </code>
                    ),
                  },
                  { key: "methods", head: t`Methods`, cell: (one) => one.methods.join(" ") || t`All` },
                  { key: "kind", head: t`Kind`, phone: "hidden", cell: (one) => one.kind },
                  {
                    key: "permission",
                    head: t`Permission`,
                    cell: (one) => one.permissions.join(", ") || (one.auth === "public" ? t`Public` : one.auth),
                  },
                  { key: "limit", head: t`Limit`, phone: "hidden", cell: (one) => one.limit },
                  { key: "owner", head: t`Service`, phone: "end", cell: (one) => one.owner },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}
