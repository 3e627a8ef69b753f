import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { api, body } from "@/api/client";
import { Dialog } from "@/design/Dialog";
import { Facts } from "@/design/Facts";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { Status } from "@/design/Status";
import { Time } from "@/design/Values";
import { TransactionDetails } from "@/parts/TransactionDetails";
import { booksQuery } from "../attention/queries";
import { transactionQuery } from "../customers/queries";
import { booksVerificationQuery } from "../verification/queries";
import { VerificationPanel } from "../verification/VerificationPanel";
import { AccountDrawer } from "./AccountDrawer";
import { AccountList } from "./AccountList";
import { TransactionList } from "./TransactionList";

const route = getRouteApi("/operate/books");

/** All of the books: whether they hold, every transaction, every account. */
export function BooksPage() {
  const { t, i18n } = useLingui();
  const queries = useQueryClient();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const books = useQuery(booksQuery);
  const verification = useQuery(booksVerificationQuery);
  const verify = useMutation({
    mutationFn: () => body(api.POST("/api/admin/ledger/verification")),
    onSuccess: (run) => queries.setQueryData(booksVerificationQuery.queryKey, run),
  });
  const open = (shown: { transaction?: string | undefined; account?: string | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...shown }) });
  return (
    <>
      <PageHead
        title={<Trans>Books</Trans>}
        lead={<Trans>Every movement of money and access, with two sides each. Nothing is ever changed here.</Trans>}
      />
      <VerificationPanel
        query={verification}
        start={verify}
        needs="books:manage"
        checked={(run) => <Plural value={run.verdict?.transactions ?? 0} one="# transaction" other="# transactions" />}
      >
        <Loaded query={books}>
          {(found) => (
            <Facts
              facts={[
                [t`Transactions`, new Intl.NumberFormat(i18n.locale).format(found.transactions)],
                [
                  t`Last seal`,
                  found.sealed_at ? (
                    <span key="seal">
                      {t`No. ${found.seal}`} · <Time at={found.sealed_at} />
                    </span>
                  ) : (
                    "–"
                  ),
                ],
                [
                  t`Sealed`,
                  found.unsealed ? (
                    <Status key="sealed" tone="wait">{t`Newer transactions wait for their seal`}</Status>
                  ) : (
                    <Status key="sealed" tone="ok">{t`All of them`}</Status>
                  ),
                ],
              ]}
            />
          )}
        </Loaded>
      </VerificationPanel>
      <Panel
        flush
        title={search.list === "accounts" ? <Trans>Accounts</Trans> : <Trans>Transactions</Trans>}
        actions={
          <Segmented
            label={t`What is listed`}
            value={search.list ?? "transactions"}
            onChange={(list) => void navigate({ search: list === "transactions" ? {} : { list } })}
            options={[
              { value: "transactions", label: t`Transactions` },
              { value: "accounts", label: t`Accounts` },
            ]}
          />
        }
      >
        {search.list === "accounts" ? (
          <AccountList
            search={search}
            onSearch={(changed) => void navigate({ search: (before) => ({ ...before, ...changed }) })}
            onOpen={(account) => open({ account })}
          />
        ) : (
          <TransactionList
            search={search}
            onSearch={(changed) => void navigate({ search: (before) => ({ ...before, ...changed }) })}
            onOpen={(transaction) => open({ transaction })}
          />
        )}
      </Panel>
      {search.account && !search.transaction && (
        <AccountDrawer
          id={search.account}
          onOpen={(transaction) => open({ transaction })}
          onClose={() => open({ account: undefined })}
        />
      )}
      {search.transaction && (
        <TransactionDrawer id={search.transaction} onClose={() => open({ transaction: undefined })} />
      )}
    </>
  );
}

function TransactionDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const transaction = useQuery(transactionQuery(id));
  return (
    <Dialog side title={<Trans>Transaction</Trans>} onClose={onClose}>
      <Loaded query={transaction}>{(found) => <TransactionDetails found={found} />}</Loaded>
    </Dialog>
  );
}
