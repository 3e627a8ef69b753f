import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { Dialog } from "@/design/Dialog";
import { List } from "@/design/List";
import { Time } from "@/design/Values";
import { Amount, kindOf } from "@/parts/Amount";
import { useCodeName } from "@/parts/codeName";
import { statementOfQuery } from "./queries";

/** What happened on one account, each line of which opens to its transaction. */
export function AccountDrawer({
  id,
  onOpen,
  onClose,
}: {
  id: string;
  onOpen: (transaction: string) => void;
  onClose: () => void;
}) {
  const { t } = useLingui();
  const codeName = useCodeName();
  const lines = useInfiniteQuery(statementOfQuery(id));
  return (
    <Dialog side wide title={<Trans>Account</Trans>} onClose={onClose}>
      <div className="grid gap-4">
        <code className="break-all text-text-3 select-all">{id}</code>
        <div className="rounded-card border border-line">
          <List
            query={lines}
            label={t`Statement`}
            icon={<ScrollText />}
            empty={<Trans>Nothing has moved yet.</Trans>}
            rowKey={(line) => `${line.transaction_id}${line.direction}${line.balance}`}
            onOpen={(line) => onOpen(line.transaction_id)}
            columns={[
              { key: "what", head: t`What`, phone: "title", cell: (line) => codeName(line.code) },
              { key: "with", head: t`With`, phone: "hidden", cell: (line) => <code>{line.with_whom}</code> },
              { key: "at", head: t`When`, cell: (line) => <Time at={line.at} /> },
              {
                key: "amount",
                head: t`Amount`,
                numeric: true,
                phone: "end",
                cell: (line) => (
                  <Amount kind={kindOf(line.asset)} asset={line.asset} amount={line.amount} sign={line.direction} />
                ),
              },
              {
                key: "balance",
                head: t`Balance`,
                numeric: true,
                phone: "hidden",
                cell: (line) => <Amount kind={kindOf(line.asset)} asset={line.asset} amount={line.balance} />,
              },
            ]}
          />
        </div>
      </div>
    </Dialog>
  );
}
