import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Mail } from "lucide-react";
import { useState } from "react";
import type { Schema } from "@/api/client";
import { List } from "@/design/List";
import { Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { Status } from "@/design/Status";
import { Time } from "@/design/Values";
import { messagesQuery } from "./queries";

/** The e-mails to a customer, and what became of each. */
export function MailsPart({ userId }: { userId: string }) {
  const { t } = useLingui();
  const [state, setState] = useState<Schema<"MessageView">["state"] | "all">("all");
  const messages = useInfiniteQuery({
    ...messagesQuery(userId, state === "all" ? undefined : state),
    placeholderData: (before) => before,
  });
  return (
    <Panel
      flush
      title={<Trans>E-mails</Trans>}
      actions={
        <Segmented
          label={t`State`}
          value={state}
          onChange={setState}
          options={[
            { value: "all", label: t`All` },
            { value: "sent", label: t`Sent` },
            { value: "queued", label: t`Waiting` },
            { value: "failed", label: t`Failed` },
          ]}
        />
      }
    >
      <List
        query={messages}
        label={t`E-mails`}
        icon={<Mail />}
        empty={<Trans>No e-mail matches.</Trans>}
        rowKey={(one) => one.id}
        columns={[
          { key: "subject", head: t`Subject line`, phone: "title", cell: (one) => one.subject },
          { key: "address", head: t`To`, phone: "hidden", cell: (one) => one.address },
          { key: "at", head: t`When`, cell: (one) => <Time at={one.sent_at ?? one.created_at} /> },
          {
            key: "state",
            head: t`State`,
            phone: "end",
            cell: (one) => (
              <span className="inline-flex flex-wrap items-center gap-2">
                <MessageState state={one.state} />
                {one.error && (
                  <span className="max-w-60 truncate text-sm text-text-3" title={one.error}>
                    {one.error}
                  </span>
                )}
              </span>
            ),
          },
          { key: "attempts", head: t`Tries`, numeric: true, phone: "hidden", cell: (one) => String(one.attempts) },
        ]}
      />
    </Panel>
  );
}

function MessageState({ state }: { state: Schema<"MessageView">["state"] }) {
  const { t } = useLingui();
  if (state === "sent") return <Status tone="ok">{t`Sent`}</Status>;
  if (state === "failed") return <Status tone="bad">{t`Failed`}</Status>;
  return <Status tone="wait">{t`Waiting`}</Status>;
}
