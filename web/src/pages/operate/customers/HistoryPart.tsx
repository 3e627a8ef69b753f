import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { BookOpenCheck } from "lucide-react";
import { List } from "@/design/List";
import { Panel } from "@/design/Panel";
import { Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { useActionName } from "../audit/actionName";
import { auditQuery } from "../audit/queries";
import { useTopicName } from "../audit/topicName";
import { NotesPanel } from "./NotesPanel";

/** What operators noted; then everything that a customer did, and all that was done to them, from the audit trail. */
export function HistoryPart({ userId }: { userId: string }) {
  const { t } = useLingui();
  const actionName = useActionName();
  const topicName = useTopicName();
  const trail = useInfiniteQuery(auditQuery({ user_id: userId }));
  return (
    <>
      <Allowed to="notes:read">
        <NotesPanel userId={userId} />
      </Allowed>
      <Panel
        flush
        title={<Trans>What happened</Trans>}
        actions={
          <Link to="/operate/audit" search={{ user_id: userId }} className="text-sm text-accent hover:underline">
            <Trans>Open in the audit trail</Trans>
          </Link>
        }
      >
        <List
          query={trail}
          label={t`What happened`}
          icon={<BookOpenCheck />}
          empty={<Trans>Nothing has happened yet.</Trans>}
          rowKey={(entry) => String(entry.sequence)}
          columns={[
            { key: "topic", head: t`What`, phone: "title", cell: (entry) => topicName(entry.topic) },
            { key: "action", head: t`Action`, phone: "hidden", cell: (entry) => actionName(entry.action) },
            {
              key: "actor",
              head: t`Who`,
              cell: (entry) => (entry.actor === userId ? t`The customer` : <code>{entry.actor}</code>),
            },
            { key: "at", head: t`When`, numeric: true, phone: "end", cell: (entry) => <Time at={entry.at} /> },
          ]}
        />
      </Panel>
    </>
  );
}
