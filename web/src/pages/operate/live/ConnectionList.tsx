import { Trans, useLingui } from "@lingui/react/macro";
import { type UseInfiniteQueryResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { Unplug } from "lucide-react";
import { type ReactNode, useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { Button } from "@/design/Button";
import { List } from "@/design/List";
import { ReasonDialog } from "@/design/ReasonDialog";
import { Status } from "@/design/Status";
import type { Column } from "@/design/Table";
import { toast } from "@/design/toast";
import { Bytes, Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { useEndedBy } from "@/parts/endedBy";
import { flowProtocol } from "@/parts/flowProtocol";

type Connection = Schema<"CustomerConnection">;

/** Connections as an operator sees them, each of which can be ended. */
export function ConnectionList({
  query,
  more = [],
  empty,
}: {
  query: UseInfiniteQueryResult<{ pages: { items: Connection[] }[] }>;
  /** Columns of the page's own, before the state. */
  more?: readonly Column<Connection>[];
  empty: ReactNode;
}) {
  const { t } = useLingui();
  const endedBy = useEndedBy();
  const [ending, setEnding] = useState<Connection | null>(null);
  return (
    <>
      <List
        query={query}
        label={t`Connections`}
        icon={<Unplug />}
        empty={empty}
        rowKey={(one) => one.id}
        columns={[
          { key: "target", head: t`Target`, phone: "title", cell: (one) => <span dir="ltr">{one.target}</span> },
          { key: "protocol", head: t`Protocol`, phone: "hidden", cell: (one) => flowProtocol(one.protocol) },
          { key: "from", head: t`From`, phone: "hidden", cell: (one) => <span dir="ltr">{one.client_address}</span> },
          { key: "started", head: t`Started`, cell: (one) => <Time at={one.started_at} /> },
          {
            key: "bytes",
            head: t`Data`,
            numeric: true,
            cell: (one) => <Bytes count={BigInt(one.bytes_sent) + BigInt(one.bytes_received)} />,
          },
          ...more,
          {
            key: "state",
            head: t`State`,
            phone: "end",
            cell: (one) =>
              one.state === "open" ? (
                <Status tone="ok">{t`Open`}</Status>
              ) : (
                <span title={endedBy(one.terminate_cause)}>
                  <Status tone="off">{t`Ended`}</Status>
                </span>
              ),
          },
          {
            key: "end",
            head: "",
            numeric: true,
            phone: "end",
            cell: (one) =>
              one.state === "open" && (
                <Allowed to="connections:manage">
                  <Button small kind="quiet" onClick={() => setEnding(one)}>
                    <Trans>End</Trans>
                  </Button>
                </Allowed>
              ),
          },
        ]}
      />
      {ending && <EndDialog connection={ending} onClose={() => setEnding(null)} />}
    </>
  );
}

function EndDialog({ connection, onClose }: { connection: Connection; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: (reason: string) =>
      body(
        api.POST("/api/admin/connections/{connection_id}/end", {
          params: { path: { connection_id: connection.id } },
          body: { reason },
        }),
      ),
    onSuccess: async () => {
      toast(t`The connection ends within a second.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin"] });
    },
  });
  return (
    <ReasonDialog title={<Trans>End a connection</Trans>} action={<Trans>End it</Trans>} change={end} onClose={onClose}>
      <p>
        <Trans>
          The connection to <b dir="ltr">{connection.target}</b> ends. The customer can connect again.
        </Trans>
      </p>
    </ReasonDialog>
  );
}
