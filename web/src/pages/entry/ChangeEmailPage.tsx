import { Trans } from "@lingui/react/macro";
import { api, body } from "@/api/client";
import { LinkButton } from "./LinkButton";

export function ChangeEmailPage() {
  return (
    <LinkButton
      send={(token) => body(api.POST("/api/auth/email/change", { body: { token } }))}
      texts={{
        title: <Trans>Confirm your new address</Trans>,
        lead: <Trans>From then on you sign in with this address, and our mails come here.</Trans>,
        button: <Trans>Confirm the new address</Trans>,
        done: <Trans>Your address is changed</Trans>,
        doneLead: <Trans>You stay signed in where you were.</Trans>,
      }}
    />
  );
}
