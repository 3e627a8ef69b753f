import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { api, body } from "@/api/client";
import { LinkPasswordForm } from "./LinkPasswordForm";

export function ResetPasswordPage() {
  return (
    <LinkPasswordForm
      send={(token, password) =>
        body(api.POST("/api/auth/password/reset", { body: { token, new_password: password } }))
      }
      texts={{
        title: <Trans>Choose a new password</Trans>,
        lead: <Trans>Every session and every proxy credential of your account ends.</Trans>,
        button: <Trans>Set the password</Trans>,
        done: <Trans>Your password is set</Trans>,
        doneLead: <Trans>Sign in with it. All other sessions have ended.</Trans>,
        expired: (
          <Link to="/forgot" search={{}} className="underline">
            <Trans>Send a new link</Trans>
          </Link>
        ),
      }}
    />
  );
}
