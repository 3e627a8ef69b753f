import { Trans } from "@lingui/react/macro";
import { api, body } from "@/api/client";
import { LinkButton } from "./LinkButton";

export function RefuseEmailChangePage() {
  return (
    <LinkButton
      danger
      send={(token) => body(api.POST("/api/auth/email/refuse", { body: { token } }))}
      texts={{
        title: <Trans>Refuse the new address</Trans>,
        lead: (
          <Trans>
            Your account keeps this address, or gets it back. Every session and every proxy credential ends, and your
            password works no more: we send you a link to choose another.
          </Trans>
        ),
        button: <Trans>Refuse the new address</Trans>,
        done: <Trans>Your account has this address</Trans>,
        doneLead: <Trans>Look into your mail: the link to choose another password is on its way.</Trans>,
      }}
    />
  );
}
