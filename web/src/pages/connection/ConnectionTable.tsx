import { Trans, useLingui } from "@lingui/react/macro";
import { Unplug } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Schema } from "@/api/client";
import { Dialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Facts } from "@/design/Facts";
import { Status } from "@/design/Status";
import { type Column, type Selection, Table } from "@/design/Table";
import { Bytes, Time } from "@/design/Values";
import { formatDuration } from "@/format/time";
import { useEndedBy } from "@/parts/endedBy";
import { flowProtocol } from "@/parts/flowProtocol";

type Connection = Schema<"ConnectionView">;

/** Connections, newest first; a row opens its details. */
export function ConnectionTable({
  rows,
  selection,
  nothing,
  dimmed = false,
}: {
  rows: readonly Connection[];
  selection?: Selection<Connection>;
  /** What is said when there are none, if it is not that none was made yet. */
  nothing?: ReactNode;
  dimmed?: boolean;
}) {
  const { t, i18n } = useLingui();
  const endedBy = useEndedBy();
  const [shown, setShown] = useState<Connection | null>(null);
  if (rows.length === 0) {
    return (
      nothing ?? (
        <EmptyState icon={<Unplug />}>
          <Trans>No connections yet. They appear here as soon as a client uses the proxy.</Trans>
        </EmptyState>
      )
    );
  }
  const columns: Column<Connection>[] = [
    { key: "target", head: t`Target`, phone: "title", cell: (one) => <span dir="ltr">{one.target}</span> },
    { key: "protocol", head: t`Protocol`, cell: (one) => flowProtocol(one.protocol) },
    { key: "started", head: t`Started`, cell: (one) => <Time at={one.started_at} /> },
    {
      key: "duration",
      head: t`Duration`,
      numeric: true,
      phone: "hidden",
      cell: (one) => formatDuration(one.duration_ms, i18n.locale),
    },
    {
      key: "received",
      head: t`Received`,
      numeric: true,
      phone: "end",
      cell: (one) => <Bytes count={one.bytes_received} />,
    },
    { key: "sent", head: t`Sent`, numeric: true, phone: "hidden", cell: (one) => <Bytes count={one.bytes_sent} /> },
    {
      key: "state",
      head: t`State`,
      phone: "end",
      cell: (one) =>
        one.state === "open" ? <Status tone="ok">{t`Open`}</Status> : <Status tone="off">{t`Ended`}</Status>,
    },
  ];
  return (
    <>
      <Table
        label={t`Connections`}
        columns={columns}
        rows={rows}
        rowKey={(one) => one.id}
        dimmed={dimmed}
        onOpen={setShown}
        {...(selection ? { selection } : {})}
      />
      {shown && (
        <Dialog side title={<Trans>Connection</Trans>} onClose={() => setShown(null)}>
          <Facts
            facts={[
              [
                t`Target`,
                <span key="target" dir="ltr">
                  {shown.target}
                </span>,
              ],
              [t`Protocol`, flowProtocol(shown.protocol)],
              [t`From`, shown.client_address],
              [t`Started`, <Time key="started" at={shown.started_at} />],
              [t`Last report`, <Time key="report" at={shown.last_report_at} />],
              [t`Duration`, formatDuration(shown.duration_ms, i18n.locale)],
              [t`Received`, <Bytes key="received" count={shown.bytes_received} />],
              [t`Sent`, <Bytes key="sent" count={shown.bytes_sent} />],
              [t`Requests`, String(shown.requests)],
              [t`Ended because`, endedBy(shown.terminate_cause)],
              [t`Id`, <code key="id">{shown.id}</code>],
            ]}
          />
        </Dialog>
      )}
    </>
  );
}
