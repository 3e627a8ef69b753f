import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { Schema } from "@/api/client";
import { Dialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { Bytes, Time } from "@/design/Values";
import { flowProtocol } from "@/parts/flowProtocol";
import { TransactionDetails } from "@/parts/TransactionDetails";
import { recordsQuery, transactionQuery } from "./queries";

type Use = Schema<"SessionUseView">;

/** One of your transactions, with the records of what it charged. */
export function TransactionDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const transaction = useQuery(transactionQuery(id));
  return (
    <Dialog side title={<Trans>Transaction</Trans>} onClose={onClose}>
      <Loaded query={transaction}>
        {(found) => <TransactionDetails found={found} use={<UsageRecords use={found.use} />} />}
      </Loaded>
    </Dialog>
  );
}

function UsageRecords({ use }: { use: readonly Use[] }) {
  const { t } = useLingui();
  const records = useQuery(recordsQuery(use.map((one) => one.session_id)));
  return (
    <Loaded query={records}>
      {(found) =>
        found.length === 0 ? (
          <EmptyState>
            <Trans>The records of these connections are no longer kept.</Trans>
          </EmptyState>
        ) : (
          <ul aria-label={t`Usage records`} className="divide-y divide-line rounded-control border border-line">
            {found.map((record) => (
              <li key={record.session_id} className="grid gap-0.5 px-3 py-2">
                <span className="flex flex-wrap justify-between gap-x-4">
                  <span dir="ltr" className="min-w-0 break-all">
                    {record.target || "–"}
                  </span>
                  <Charged record={record} use={use} />
                </span>
                <span className="flex flex-wrap gap-x-3 text-sm text-text-3">
                  <span>{flowProtocol(record.protocol)}</span>
                  <Time at={record.started_at} />
                  <span>
                    <Trans>
                      sent <Bytes count={record.input_octets} />
                    </Trans>
                  </span>
                  <span>
                    <Trans>
                      received <Bytes count={record.output_octets} />
                    </Trans>
                  </span>
                </span>
                <code className="text-xs text-text-3 select-all">{record.session_id}</code>
              </li>
            ))}
          </ul>
        )
      }
    </Loaded>
  );
}

/** What this transaction charged of a connection: a long one is charged piece by piece. */
function Charged({ record, use }: { record: Schema<"RecordView">; use: readonly Use[] }) {
  const units = use
    .filter((one) => one.session_id === record.session_id)
    .reduce((sum, one) => sum + BigInt(one.units), 0n);
  if (record.unit === "byte") return <Bytes count={units} />;
  return (
    <span>
      {units.toString()} {record.unit}
    </span>
  );
}
