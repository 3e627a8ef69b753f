import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { UserSearch as UserSearchIcon } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { EmptyState } from "@/design/EmptyState";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { MoreButton } from "@/design/MoreButton";
import { PageHead, Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { Status } from "@/design/Status";
import { Table } from "@/design/Table";
import { Time } from "@/design/Values";
import { CustomerDrawer } from "./CustomerDrawer";
import { usersQuery } from "./queries";

const route = getRouteApi("/operate/customers");
const TYPED_MS = 250;

export function CustomersPage() {
  const { t } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [email, setEmail] = useState(search.email ?? "");
  useEffect(() => {
    const timer = window.setTimeout(() => {
      void navigate({ search: (before) => ({ ...before, email: email || undefined }), replace: true });
    }, TYPED_MS);
    return () => window.clearTimeout(timer);
  }, [email, navigate]);
  const users = useInfiniteQuery({
    ...usersQuery({ email: search.email, state: search.state }),
    placeholderData: (before) => before,
  });
  const rows = useMemo(() => users.data?.pages.flatMap((page) => page.items) ?? [], [users.data]);
  return (
    <>
      <PageHead title={<Trans>Customers</Trans>} />
      <Panel flush>
        <div className="flex flex-wrap items-end gap-4 border-b border-line p-4">
          <div className="w-full sm:w-72">
            <TextField
              label={t`E-mail`}
              type="search"
              value={email}
              onChange={(event) => setEmail(event.target.value)}
            />
          </div>
          <Segmented
            label={t`State`}
            value={search.state ?? "all"}
            onChange={(value) =>
              void navigate({ search: (before) => ({ ...before, state: value === "all" ? undefined : value }) })
            }
            options={[
              { value: "all", label: t`All` },
              { value: "active", label: t`Active` },
              { value: "suspended", label: t`Suspended` },
            ]}
          />
        </div>
        <Loaded query={users}>
          {() =>
            rows.length === 0 ? (
              <EmptyState icon={<UserSearchIcon />}>
                <Trans>No customer matches.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Customers`}
                rows={rows}
                dimmed={users.isPlaceholderData}
                rowKey={(one) => one.id}
                onOpen={(one) => void navigate({ search: (before) => ({ ...before, customer: one.id }) })}
                columns={[
                  { key: "email", head: t`E-mail`, phone: "title", cell: (one) => one.email },
                  { key: "state", head: t`State`, phone: "end", cell: (one) => <UserState state={one.state} /> },
                  { key: "roles", head: t`Roles`, cell: (one) => one.roles.join(", ") },
                  { key: "since", head: t`Since`, numeric: true, cell: (one) => <Time at={one.created_at} /> },
                ]}
              />
            )
          }
        </Loaded>
        <MoreButton query={users} />
      </Panel>
      {search.customer && (
        <CustomerDrawer
          id={search.customer}
          onClose={() => void navigate({ search: (before) => ({ ...before, customer: undefined }) })}
        />
      )}
    </>
  );
}

export function UserState({ state }: { state: string }) {
  const { t } = useLingui();
  if (state === "active") return <Status tone="ok">{t`Active`}</Status>;
  if (state === "suspended") return <Status tone="bad">{t`Suspended`}</Status>;
  return <Status tone="off">{state}</Status>;
}
