import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { api, body } from "@/api/client";
import { LinkPasswordForm } from "./LinkPasswordForm";

export function VerifyEmailPage() {
  return (
    <LinkPasswordForm
      send={(token, password) => body(api.POST("/api/auth/email/verify", { body: { token, password } }))}
      texts={{
        title: <Trans>Confirm your address</Trans>,
        lead: (
          <Trans>
            Choose the password of your account. It replaces the one that was typed when this address was registered.
          </Trans>
        ),
        button: <Trans>Confirm and set the password</Trans>,
        done: <Trans>Your address is confirmed</Trans>,
        doneLead: <Trans>Sign in with the password that you chose.</Trans>,
        expired: (
          <Link to="/register" search={{}} className="underline">
            <Trans>Register again</Trans>
          </Link>
        ),
      }}
    />
  );
}
