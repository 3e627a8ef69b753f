import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { UserSearch as UserSearchIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { SelectField, TextField } from "@/design/Field";
import { List } from "@/design/List";
import { PageHead, Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { Time } from "@/design/Values";
import { CustomerDrawer } from "./CustomerDrawer";
import { USER_SORTS, usersQuery } from "./queries";
import { UserState } from "./UserState";

const route = getRouteApi("/operate/customers");
const TYPED_MS = 250;

export function CustomersPage() {
  const { t } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(search.q ?? "");
  useEffect(() => {
    const timer = window.setTimeout(() => {
      void navigate({ search: (before) => ({ ...before, q: typed.trim() || undefined }), replace: true });
    }, TYPED_MS);
    return () => window.clearTimeout(timer);
  }, [typed, navigate]);
  const users = useInfiniteQuery({
    ...usersQuery({ q: search.q, state: search.state, sort: search.sort }),
    placeholderData: (before) => before,
  });
  const sorting = {
    value: search.sort ?? USER_SORTS[0],
    onChange: (value: string) => {
      const sort = USER_SORTS.find((one) => one === value && one !== USER_SORTS[0]);
      void navigate({ search: (before) => ({ ...before, sort }) });
    },
  };
  return (
    <>
      <PageHead title={<Trans>Customers</Trans>} />
      <Panel flush>
        <div className="flex flex-wrap items-end gap-4 border-b border-line p-4">
          <div className="w-full sm:w-72">
            <TextField
              label={t`E-mail or id`}
              hint={t`How the address begins is enough.`}
              type="search"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
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
              { value: "deleting", label: t`Leaving` },
              { value: "deleted", label: t`Deleted` },
            ]}
          />
          {/* Where there are no heads of columns to press. */}
          <div className="w-full md:hidden">
            <SelectField
              label={t`Sorted`}
              value={sorting.value}
              onChange={(event) => sorting.onChange(event.target.value)}
              options={[
                { value: "-created_at", label: t`Newest first` },
                { value: "created_at", label: t`Oldest first` },
                { value: "email", label: t`By e-mail` },
                { value: "state", label: t`By state` },
              ]}
            />
          </div>
        </div>
        <List
          query={users}
          label={t`Customers`}
          icon={<UserSearchIcon />}
          empty={<Trans>No customer matches.</Trans>}
          rowKey={(one) => one.id}
          sorting={sorting}
          onOpen={(one) => void navigate({ search: (before) => ({ ...before, customer: one.id }) })}
          columns={[
            { key: "email", head: t`E-mail`, phone: "title", sort: "email", cell: (one) => one.email },
            {
              key: "state",
              head: t`State`,
              phone: "end",
              sort: "state",
              cell: (one) => <UserState state={one.state} />,
            },
            { key: "roles", head: t`Roles`, cell: (one) => one.roles.join(", ") },
            {
              key: "since",
              head: t`Since`,
              numeric: true,
              sort: "created_at",
              cell: (one) => <Time at={one.created_at} />,
            },
          ]}
        />
      </Panel>
      {search.customer && (
        <CustomerDrawer
          id={search.customer}
          part={search.part ?? "overview"}
          onPart={(part) => void navigate({ search: (before) => ({ ...before, part }), replace: true })}
          onClose={() => void navigate({ search: (before) => ({ ...before, customer: undefined, part: undefined }) })}
        />
      )}
    </>
  );
}
