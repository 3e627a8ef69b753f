import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { Schema } from "@/api/client";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { Bytes } from "@/design/Values";
import type { Period } from "./period";
import { targetsQuery } from "./queries";

type Target = Schema<"TargetView">;

/** The hosts that took most of the data. */
export function TargetsPanel({ period, total }: { period: Period; total: bigint }) {
  const { t, i18n } = useLingui();
  const targets = useQuery(targetsQuery(period));
  const number = new Intl.NumberFormat(i18n.locale);
  return (
    <Panel flush title={<Trans>Largest targets</Trans>}>
      <Loaded query={targets}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState>
              <Trans>No usage yet.</Trans>
            </EmptyState>
          ) : (
            <Table<Target>
              label={t`Largest targets`}
              rows={all}
              rowKey={(one) => one.target}
              columns={[
                {
                  key: "target",
                  head: t`Host`,
                  phone: "title",
                  cell: (one) => one.target || <Trans>others and none</Trans>,
                },
                {
                  key: "connections",
                  head: t`Connections`,
                  numeric: true,
                  cell: (one) => number.format(one.connections),
                },
                {
                  key: "sent",
                  head: t`Sent`,
                  numeric: true,
                  phone: "hidden",
                  cell: (one) => <Bytes count={one.bytes_sent} />,
                },
                {
                  key: "received",
                  head: t`Received`,
                  numeric: true,
                  phone: "hidden",
                  cell: (one) => <Bytes count={one.bytes_received} />,
                },
                {
                  key: "total",
                  head: t`Total`,
                  numeric: true,
                  phone: "end",
                  cell: (one) => (
                    <b className="font-semibold">
                      <Bytes count={one.bytes_total} />
                    </b>
                  ),
                },
                {
                  key: "share",
                  head: t`Share`,
                  numeric: true,
                  phone: "hidden",
                  cell: (one) => <Share part={BigInt(one.bytes_total)} whole={total} />,
                },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Share({ part, whole }: { part: bigint; whole: bigint }) {
  const { i18n } = useLingui();
  if (whole === 0n) return null;
  const share = Math.min(1, Number((part * 10_000n) / whole) / 10_000);
  return new Intl.NumberFormat(i18n.locale, { style: "percent", maximumFractionDigits: 1 }).format(share);
}
