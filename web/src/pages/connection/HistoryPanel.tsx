import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Unplug } from "lucide-react";
import { useMemo, useState } from "react";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { only } from "@/api/lists";
import { Button } from "@/design/Button";
import { ConfirmDialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { SelectField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { MoreButton } from "@/design/MoreButton";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { SearchField } from "@/design/SearchField";
import { Segmented } from "@/design/Segmented";
import { toast } from "@/design/toast";
import { type ConnectionSearch, connectionsQuery } from "@/pages/proxy/queries";
import { FLOW_PROTOCOLS, flowProtocol } from "@/parts/flowProtocol";
import { ConnectionTable } from "./ConnectionTable";

const route = getRouteApi("/_app/connection");
// So many are ended by one request.
const MOST_AT_ONCE = 100;

/** Every connection so far. Open ones can be chosen and ended together. */
export function HistoryPanel() {
  const { t } = useLingui();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const history = useInfiniteQuery({ ...connectionsQuery(search), placeholderData: keepPreviousData });
  const rows = useMemo(() => history.data?.pages.flatMap((page) => page.items) ?? [], [history.data]);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState(false);
  const open = rows.filter((row) => row.state === "open").map(({ id }) => id);
  // One that has ended meanwhile is chosen no more.
  const chosen = new Set(open.filter((id) => marked.has(id)));
  const choose = (change: ConnectionSearch) => void navigate({ search: { ...search, ...change }, replace: true });
  const filtered = Object.keys(only(search)).length > 0;
  const end = useMutation({
    mutationFn: () => body(api.POST("/api/access/connections/end", { body: { ids: [...chosen] } })),
    onSuccess: async () => {
      setAsking(false);
      setMarked(new Set());
      toast(t`The connections end within a second.`);
      await queries.invalidateQueries({ queryKey: ["connections"] });
      await queries.invalidateQueries({ queryKey: keys.usage() });
    },
  });
  return (
    <Panel
      flush
      title={<Trans>History</Trans>}
      actions={
        <Segmented
          label={t`State`}
          value={search.state ?? "all"}
          onChange={(value) => choose({ state: value === "all" ? undefined : value })}
          options={[
            { value: "all", label: t`All` },
            { value: "open", label: t`Open` },
            { value: "closed", label: t`Ended` },
          ]}
        />
      }
    >
      <Filters search={search} onChoose={choose} />
      {open.length > 0 && (
        <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2">
          <span className="me-auto text-sm text-text-2" aria-live="polite">
            {chosen.size === 0 ? (
              <Plural value={open.length} one="# is open" other="# are open" />
            ) : (
              <Plural value={chosen.size} one="# chosen" other="# chosen" />
            )}
          </span>
          {chosen.size > 0 && (
            <Button small kind="quiet" onClick={() => setMarked(new Set())}>
              <Trans>Choose none</Trans>
            </Button>
          )}
          <Button small kind="quiet" onClick={() => setMarked(new Set(open.slice(0, MOST_AT_ONCE)))}>
            <Trans>Choose all that are open</Trans>
          </Button>
          <Button small disabled={chosen.size === 0} onClick={() => setAsking(true)}>
            <Trans>End them</Trans>
          </Button>
        </div>
      )}
      <Loaded query={history}>
        {() => (
          <ConnectionTable
            rows={rows}
            dimmed={history.isPlaceholderData}
            {...(filtered ? { nothing: <NothingFound onClear={() => void navigate({ search: {} })} /> } : {})}
            {...(open.length > 0
              ? {
                  selection: {
                    chosen,
                    onChange: setMarked,
                    label: (row) => t`Choose ${row.target}`,
                    offered: (row) => row.state === "open",
                  },
                }
              : {})}
          />
        )}
      </Loaded>
      <MoreButton query={history} />
      {asking && (
        <ConfirmDialog
          title={<Trans>End these connections?</Trans>}
          action={<Trans>End them</Trans>}
          busy={end.isPending}
          onConfirm={() => end.mutate()}
          onClose={() => setAsking(false)}
        >
          <p>
            <Plural
              value={chosen.size}
              one="# connection ends within a second. Its program can connect again."
              other="# connections end within a second. Their programs can connect again."
            />
          </p>
          {end.error && <ProblemNotice error={end.error} />}
        </ConfirmDialog>
      )}
    </Panel>
  );
}

function Filters({ search, onChoose }: { search: ConnectionSearch; onChoose: (change: ConnectionSearch) => void }) {
  const { t } = useLingui();
  const protocols = new Set([...Object.keys(FLOW_PROTOCOLS), ...(search.protocol ? [search.protocol] : [])]);
  return (
    <search className="grid gap-3 border-b border-line p-4 sm:grid-cols-[minmax(0,20rem)_minmax(0,12rem)]">
      <SearchField
        label={t`Target`}
        placeholder="example.com"
        maxLength={100}
        value={search.target ?? ""}
        onChange={(target) => onChoose({ target: target || undefined })}
      />
      <SelectField
        label={t`Protocol`}
        value={search.protocol ?? ""}
        onChange={(event) => onChoose({ protocol: event.target.value || undefined })}
        options={[
          { value: "", label: t`All` },
          ...[...protocols].map((value) => ({ value, label: flowProtocol(value) })),
        ]}
      />
    </search>
  );
}

function NothingFound({ onClear }: { onClear: () => void }) {
  return (
    <EmptyState
      icon={<Unplug />}
      action={
        <Button onClick={onClear}>
          <Trans>Clear the filters</Trans>
        </Button>
      }
    >
      <Trans>No connection matches these filters.</Trans>
    </EmptyState>
  );
}
