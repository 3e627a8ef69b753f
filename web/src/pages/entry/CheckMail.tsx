import { Trans } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { MailCheck } from "lucide-react";
import { useState } from "react";
import { api, body } from "@/api/client";
import { Button } from "@/design/Button";
import { Countdown } from "@/design/Values";
import { EntryHead } from "./EntryFrame";

const PAUSE_MS = 60_000;

/** After registering: what happens next, and another mail when the first one does not come. */
export function CheckMail({ email }: { email: string }) {
  const [next, setNext] = useState(() => new Date(Date.now() + PAUSE_MS).toISOString());
  const [waiting, setWaiting] = useState(true);
  const resend = useMutation({
    mutationFn: () => body(api.POST("/api/auth/email/resend", { body: { email } })),
    onSuccess: () => {
      setNext(new Date(Date.now() + PAUSE_MS).toISOString());
      setWaiting(true);
    },
  });
  return (
    <>
      <MailCheck className="mb-4 size-8 text-accent" aria-hidden="true" />
      <EntryHead
        title={<Trans>Look into your mail</Trans>}
        lead={
          <Trans>
            We sent a link to <b className="font-medium break-all text-text">{email}</b>. Open it to confirm that the
            address is yours.
          </Trans>
        }
      />
      <Button busy={resend.isPending} disabled={waiting} onClick={() => resend.mutate()}>
        {waiting ? (
          <Trans>
            Send it again in <Countdown until={next} onEnd={() => setWaiting(false)} />
          </Trans>
        ) : (
          <Trans>Send it again</Trans>
        )}
      </Button>
    </>
  );
}
