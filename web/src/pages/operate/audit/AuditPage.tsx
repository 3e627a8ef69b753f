import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { BookOpenCheck } from "lucide-react";
import { useMemo, useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { Code } from "@/design/Code";
import { Dialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Facts } from "@/design/Facts";
import { SelectField, TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { MoreButton } from "@/design/MoreButton";
import { PageHead, Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { Time } from "@/design/Values";
import { trailVerificationQuery } from "../verification/queries";
import { VerificationPanel } from "../verification/VerificationPanel";
import { useActionName } from "./actionName";
import { auditQuery } from "./queries";
import { TOPICS, useTopicName } from "./topicName";

type Entry = Schema<"EntryView">;
const route = getRouteApi("/operate/audit");

/** Who did what to whom; each entry is chained to the one before. */
export function AuditPage() {
  const { t } = useLingui();
  const queries = useQueryClient();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const topicName = useTopicName();
  const actionName = useActionName();
  const trail = useInfiniteQuery(auditQuery(search));
  const rows = useMemo(() => trail.data?.pages.flatMap((page) => page.items) ?? [], [trail.data]);
  const [shown, setShown] = useState<Entry | null>(null);
  const verification = useQuery(trailVerificationQuery);
  const verify = useMutation({
    mutationFn: () => body(api.POST("/api/admin/audit/verify")),
    onSuccess: (run) => queries.setQueryData(trailVerificationQuery.queryKey, run),
  });
  return (
    <>
      <PageHead title={<Trans>Audit trail</Trans>} />
      <VerificationPanel
        query={verification}
        start={verify}
        needs="audit:manage"
        checked={(run) => <Plural value={run.verdict?.entries ?? 0} one="# entry" other="# entries" />}
      />
      <Panel flush>
        <form
          className="flex flex-wrap items-end gap-4 border-b border-line p-4"
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            const value = (name: string) => String(form.get(name) ?? "").trim() || undefined;
            void navigate({
              search: { subject: value("subject"), topic: value("topic"), user_id: value("user_id") },
            });
          }}
        >
          <div className="w-full sm:w-72">
            <TextField label={t`Subject`} name="subject" placeholder="usr_…" defaultValue={search.subject ?? ""} />
          </div>
          <div className="w-full sm:w-72">
            <TextField label={t`Customer`} name="user_id" placeholder="usr_…" defaultValue={search.user_id ?? ""} />
          </div>
          <div className="w-full sm:w-72">
            <SelectField
              label={t`What`}
              name="topic"
              defaultValue={search.topic ?? ""}
              options={[
                { value: "", label: t`Anything` },
                ...[...new Set([...Object.keys(TOPICS), ...(search.topic ? [search.topic] : [])])]
                  .map((topic) => ({ value: topic, label: topicName(topic) }))
                  .sort((one, other) => one.label.localeCompare(other.label)),
              ]}
            />
          </div>
          <Button type="submit">
            <Trans>Filter</Trans>
          </Button>
        </form>
        <Loaded query={trail}>
          {() =>
            rows.length === 0 ? (
              <EmptyState icon={<BookOpenCheck />}>
                <Trans>No entry for this filter.</Trans>
              </EmptyState>
            ) : (
              <Table
                label={t`Audit trail`}
                rows={rows}
                rowKey={(entry) => String(entry.sequence)}
                onOpen={setShown}
                columns={[
                  { key: "topic", head: t`What`, phone: "title", cell: (entry) => topicName(entry.topic) },
                  { key: "actor", head: t`Who`, cell: (entry) => <ShortId id={entry.actor} /> },
                  {
                    key: "subject",
                    head: t`Subject`,
                    phone: "hidden",
                    cell: (entry) => <ShortId id={entry.subject} />,
                  },
                  { key: "action", head: t`Action`, phone: "hidden", cell: (entry) => actionName(entry.action) },
                  { key: "at", head: t`When`, numeric: true, phone: "end", cell: (entry) => <Time at={entry.at} /> },
                ]}
              />
            )
          }
        </Loaded>
        <MoreButton query={trail} />
      </Panel>
      {shown && (
        <Dialog side title={topicName(shown.topic)} onClose={() => setShown(null)}>
          <div className="grid gap-6">
            <Facts
              facts={[
                [t`Number`, String(shown.sequence)],
                [t`When`, <Time key="at" at={shown.at} />],
                [t`Who`, <code key="actor">{shown.actor}</code>],
                [t`Subject`, <code key="subject">{shown.subject}</code>],
                [t`Topic`, <code key="topic">{shown.topic}</code>],
                [t`Action`, shown.action ? `${actionName(shown.action)} (${shown.action})` : "–"],
                [t`Service`, shown.source],
                [t`Correlation id`, <code key="correlation">{shown.correlation_id}</code>],
                [
                  t`Hash`,
                  <code key="hash" className="break-all">
                    {shown.hash}
                  </code>,
                ],
              ]}
            />
            <Code text={JSON.stringify(shown.data, null, 2)} />
          </div>
        </Dialog>
      )}
    </>
  );
}

/** An id in a row, cut where there is little room; the whole one is in the details. */
function ShortId({ id }: { id: string }) {
  return (
    <code title={id} className="inline-block max-w-52 truncate align-bottom">
      {id}
    </code>
  );
}
