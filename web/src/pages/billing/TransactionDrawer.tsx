import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Dialog } from "@/design/Dialog";
import { Loaded } from "@/design/Loaded";
import { TransactionDetails } from "@/parts/TransactionDetails";
import { transactionQuery } from "./queries";

/** One of your transactions. */
export function TransactionDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const transaction = useQuery(transactionQuery(id));
  return (
    <Dialog side title={<Trans>Transaction</Trans>} onClose={onClose}>
      <Loaded query={transaction}>{(found) => <TransactionDetails found={found} />}</Loaded>
    </Dialog>
  );
}
