import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { SelectField } from "@/design/Field";
import { PageHead, Panel } from "@/design/Panel";
import { nodesQuery } from "../nodes/queries";
import { ConnectionList } from "./ConnectionList";
import { openConnectionsQuery } from "./queries";

const route = getRouteApi("/operate/live");

/** What is open now, of all customers. */
export function LivePage() {
  const { t } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const nodes = useQuery(nodesQuery);
  const open = useInfiniteQuery({ ...openConnectionsQuery(search), placeholderData: (before) => before });
  return (
    <>
      <PageHead
        title={<Trans>Live</Trans>}
        lead={<Trans>The connections that are open now, as the edge nodes reported them last.</Trans>}
      />
      <Panel flush>
        <div className="flex flex-wrap items-end gap-4 border-b border-line p-4">
          <SelectField
            label={t`Node`}
            value={search.node ?? ""}
            onChange={(event) =>
              void navigate({ search: (before) => ({ ...before, node: event.target.value || undefined }) })
            }
            options={[
              { value: "", label: t`All nodes` },
              ...(nodes.data ?? []).map((node) => ({ value: node.name, label: node.name })),
            ]}
          />
          <SelectField
            label={t`Order of the list`}
            value={search.sort ?? "-started_at"}
            onChange={(event) =>
              void navigate({
                search: (before) => ({
                  ...before,
                  sort: event.target.value === "started_at" ? "started_at" : undefined,
                }),
              })
            }
            options={[
              { value: "-started_at", label: t`Newest first` },
              { value: "started_at", label: t`Oldest first` },
            ]}
          />
        </div>
        <ConnectionList
          query={open}
          empty={<Trans>Nothing is open now.</Trans>}
          more={[
            {
              key: "customer",
              head: t`Customer`,
              cell: (one) => (
                <Link
                  to="/operate/customers"
                  search={{ customer: one.user_id, part: "access" }}
                  className="text-accent hover:underline"
                >
                  <code>{one.user_id}</code>
                </Link>
              ),
            },
            { key: "node", head: t`Node`, phone: "hidden", cell: (one) => one.node },
          ]}
        />
      </Panel>
    </>
  );
}
