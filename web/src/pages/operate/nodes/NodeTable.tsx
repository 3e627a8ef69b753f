import { Trans, useLingui } from "@lingui/react/macro";
import type { Schema } from "@/api/client";
import { EmptyState } from "@/design/EmptyState";
import { Status } from "@/design/Status";
import { Table } from "@/design/Table";
import { Bytes, Time } from "@/design/Values";

/** The edge nodes, what they carry and what they have reserved. */
export function NodeTable({ nodes }: { nodes: readonly Schema<"NodeView">[] }) {
  const { t, i18n } = useLingui();
  if (nodes.length === 0) {
    return (
      <EmptyState>
        <Trans>No edge node has reported yet.</Trans>
      </EmptyState>
    );
  }
  return (
    <Table
      label={t`Nodes`}
      rows={nodes}
      rowKey={(node) => node.name}
      columns={[
        { key: "name", head: t`Node`, phone: "title", cell: (node) => node.name },
        {
          key: "state",
          head: t`State`,
          phone: "end",
          cell: (node) =>
            node.online ? <Status tone="ok">{t`Online`}</Status> : <Status tone="bad">{t`Silent`}</Status>,
        },
        {
          key: "open",
          head: t`Connections`,
          numeric: true,
          cell: (node) => new Intl.NumberFormat(i18n.locale).format(node.open_connections),
        },
        {
          key: "leases",
          head: t`Leases`,
          numeric: true,
          phone: "hidden",
          cell: (node) => new Intl.NumberFormat(i18n.locale).format(node.leases),
        },
        {
          key: "reserved",
          head: t`Reserved`,
          numeric: true,
          phone: "end",
          cell: (node) => <Bytes count={node.reserved_bytes} />,
        },
        { key: "seen", head: t`Last report`, numeric: true, cell: (node) => <Time at={node.seen_at} /> },
      ]}
    />
  );
}
