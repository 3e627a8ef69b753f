import { Trans } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Button, buttonClass } from "@/design/Button";
import { ProblemNotice } from "@/design/ProblemNotice";
import { EntryHead } from "./EntryFrame";
import { linkToken } from "./linkToken";

interface Texts {
  title: ReactNode;
  lead: ReactNode;
  button: ReactNode;
  done: ReactNode;
  doneLead: ReactNode;
}

/** The page of a mailed link that a button completes. Nothing is sent before the button: mail scanners open links too. */
export function LinkButton({
  texts,
  send,
  danger = false,
}: {
  texts: Texts;
  send: (token: string) => Promise<unknown>;
  danger?: boolean;
}) {
  const token = linkToken();
  const use = useMutation({ mutationFn: () => send(token) });
  if (!token) {
    return (
      <EntryHead
        title={<Trans>This link is incomplete</Trans>}
        lead={<Trans>Open the link from the e-mail again, in full.</Trans>}
      />
    );
  }
  if (use.isSuccess) {
    return (
      <>
        <EntryHead title={texts.done} lead={texts.doneLead} />
        <Link to="/login" search={{}} className={buttonClass("primary")}>
          <Trans>Sign in</Trans>
        </Link>
      </>
    );
  }
  return (
    <>
      <EntryHead title={texts.title} lead={texts.lead} />
      <div className="grid gap-4">
        {use.error && <ProblemNotice error={use.error} />}
        <Button kind={danger ? "danger" : "primary"} busy={use.isPending} onClick={() => use.mutate()}>
          {texts.button}
        </Button>
      </div>
    </>
  );
}
