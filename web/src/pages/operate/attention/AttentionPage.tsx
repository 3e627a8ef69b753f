import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Schema } from "@/api/client";
import { Button, buttonClass } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { Status } from "@/design/Status";
import { Money, Time } from "@/design/Values";
import { auditVerdictQuery } from "../audit/queries";
import { NodeTable } from "../nodes/NodeTable";
import { nodesQuery } from "../nodes/queries";
import { reviewsQuery } from "./queries";
import { ReviewDialog } from "./ReviewDialog";

type Review = Schema<"ReviewedView">;

/** What needs a person first, by harm; then the state of the edge. */
export function AttentionPage() {
  const { t } = useLingui();
  const reviews = useQuery(reviewsQuery);
  const nodes = useQuery(nodesQuery);
  const verdict = useQuery(auditVerdictQuery);
  const [reviewing, setReviewing] = useState<Review | null>(null);
  const silent = nodes.data?.filter((node) => !node.online) ?? [];
  const waiting = reviews.data?.items ?? [];
  const broken = verdict.data && !verdict.data.ok;
  const quiet = reviews.data && nodes.data && verdict.data && waiting.length === 0 && silent.length === 0 && !broken;
  return (
    <>
      <PageHead title={<Trans>Attention</Trans>} lead={<Trans>What needs a person, the most harmful first.</Trans>} />
      <Panel flush>
        {quiet && (
          <EmptyState icon={<CircleCheck />}>
            <Trans>Nothing needs you.</Trans>
          </EmptyState>
        )}
        <Loaded query={verdict} skeleton={null}>
          {(found) =>
            found.ok ? null : (
              <Row
                tone="bad"
                word={t`Books`}
                action={
                  <Link to="/operate/audit" search={{}} className={buttonClass("plain", true)}>
                    <Trans>Open</Trans>
                  </Link>
                }
              >
                <Trans>The audit trail does not verify: {found.findings[0]}</Trans>
              </Row>
            )
          }
        </Loaded>
        <Loaded query={reviews}>
          {() =>
            waiting.map((one) => (
              <Row
                key={one.id}
                tone="warn"
                word={t`Deposit`}
                action={
                  <Button small onClick={() => setReviewing(one)}>
                    <Trans>Review</Trans>
                  </Button>
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
      <Panel flush title={<Trans>Nodes</Trans>}>
        <Loaded query={nodes}>{(all) => <NodeTable nodes={all} />}</Loaded>
      </Panel>
      {verdict.data?.ok && (
        <p className="text-text-3">
          <Plural
            value={verdict.data.entries}
            one="The audit trail verifies: # entry."
            other="The audit trail verifies: # entries."
          />
        </p>
      )}
      {reviewing && <ReviewDialog deposit={reviewing} onClose={() => setReviewing(null)} />}
    </>
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
  action: ReactNode;
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
