import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Schema } from "@/api/client";
import { Button, buttonClass } from "@/design/Button";
import { usePageClock } from "@/design/clock";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { Status } from "@/design/Status";
import { Money, Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { NodeTable } from "../nodes/NodeTable";
import { nodesQuery } from "../nodes/queries";
import { trailVerificationQuery } from "../verification/queries";
import { Figures } from "./Figures";
import { booksQuery, customersQuery, paymentsQuery, salesQuery } from "./queries";
import { ReviewDialog } from "./ReviewDialog";
import { type Worry, worriesOf } from "./worries";

type Review = Schema<"ReviewedView">;

/** What needs a person first, by harm; how the business goes; then the state of the edge. */
export function AttentionPage() {
  const { t } = useLingui();
  const nodes = useQuery(nodesQuery);
  const trail = useQuery(trailVerificationQuery);
  const sales = useQuery(salesQuery);
  const payments = useQuery(paymentsQuery);
  const customers = useQuery(customersQuery);
  const books = useQuery(booksQuery);
  const now = usePageClock();
  const [reviewing, setReviewing] = useState<Review | null>(null);
  const silent = nodes.data?.filter((node) => !node.online) ?? [];
  const waiting = payments.data?.reviews ?? [];
  const broken = books.data?.ok === false || trail.data?.verdict?.ok === false;
  const counted = { sales: sales.data, payments: payments.data, customers: customers.data, books: books.data };
  const worries = worriesOf(counted, now);
  const answered = [nodes, trail, sales, payments, customers, books].every((query) => query.data);
  const quiet = answered && waiting.length + silent.length + worries.length === 0 && !broken;
  return (
    <>
      <PageHead title={<Trans>Attention</Trans>} lead={<Trans>What needs a person, the most harmful first.</Trans>} />
      <Panel flush>
        {quiet && (
          <EmptyState icon={<CircleCheck />}>
            <Trans>Nothing needs you.</Trans>
          </EmptyState>
        )}
        <Loaded query={books} skeleton={null}>
          {(found) =>
            found.ok === false ? (
              <Row
                tone="bad"
                word={t`Books`}
                action={
                  <Link to="/operate/books" className={buttonClass("plain", true)}>
                    <Trans>Open</Trans>
                  </Link>
                }
              >
                <Trans>The books do not verify: {found.findings[0]}</Trans>
              </Row>
            ) : null
          }
        </Loaded>
        <Loaded query={trail} skeleton={null}>
          {(run) =>
            run.verdict && !run.verdict.ok ? (
              <Row
                tone="bad"
                word={t`Audit trail`}
                action={
                  <Link to="/operate/audit" search={{}} className={buttonClass("plain", true)}>
                    <Trans>Open</Trans>
                  </Link>
                }
              >
                <Trans>The audit trail does not verify: {run.verdict.findings[0]}</Trans>
              </Row>
            ) : null
          }
        </Loaded>
        {worries.map((worry) => (
          <WorryRow key={worry.kind === "gave_up" ? worry.service : worry.kind} worry={worry} />
        ))}
        <Loaded query={payments}>
          {() =>
            waiting.map((one) => (
              <Row
                key={one.id}
                tone="warn"
                word={t`Deposit`}
                action={
                  <Allowed to="deposits:manage">
                    <Button small onClick={() => setReviewing(one)}>
                      <Trans>Review</Trans>
                    </Button>
                  </Allowed>
                }
              >
                <Money amount={one.amount} currency={one.currency} /> · <Time at={one.created_at} /> · {one.reason}
              </Row>
            ))
          }
        </Loaded>
        {silent.map((node) => (
          <Row
            key={node.name}
            tone="warn"
            word={t`Node`}
            action={
              <Link to="/operate/nodes" className={buttonClass("plain", true)}>
                <Trans>Open</Trans>
              </Link>
            }
          >
            <Trans>
              {node.name} has not reported since <Time at={node.seen_at} />
            </Trans>
          </Row>
        ))}
      </Panel>
      <Figures sales={sales} payments={payments} customers={customers} nodes={nodes} books={books} />
      <Panel flush title={<Trans>Nodes</Trans>}>
        <Loaded query={nodes}>{(all) => <NodeTable nodes={all} />}</Loaded>
      </Panel>
      {reviewing && <ReviewDialog deposit={reviewing} onClose={() => setReviewing(null)} />}
    </>
  );
}

function WorryRow({ worry }: { worry: Worry }) {
  const { t } = useLingui();
  if (worry.kind === "unsealed") {
    return (
      <Row tone="bad" word={t`Books`}>
        {worry.since ? (
          <Trans>
            Nothing was sealed since <Time at={worry.since} />, and there are newer transactions.
          </Trans>
        ) : (
          <Trans>Nothing was ever sealed, and there are transactions.</Trans>
        )}
      </Row>
    );
  }
  if (worry.kind === "idle_orders") {
    return (
      <Row tone="warn" word={t`Orders`}>
        <Plural value={worry.count} one="# order stands still." other="# orders stand still." />
      </Row>
    );
  }
  const { service, count } = worry;
  return (
    <Row tone="warn" word={t`Work`}>
      <Plural
        value={count}
        one={`# piece of work of ${service} was tried too often and waits for a person.`}
        other={`# pieces of work of ${service} were tried too often and wait for a person.`}
      />{" "}
      <code>tollway dead-letters</code>
    </Row>
  );
}

function Row({
  tone,
  word,
  action,
  children,
}: {
  tone: "bad" | "warn";
  word: string;
  action?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="flex flex-wrap items-center gap-3 border-b border-line px-4 py-3 last:border-0">
      <Status tone={tone}>{word}</Status>
      <span className="min-w-0 grow">{children}</span>
      {action}
    </div>
  );
}
