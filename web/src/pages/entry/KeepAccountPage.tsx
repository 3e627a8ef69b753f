import { Trans } from "@lingui/react/macro";
import { api, body } from "@/api/client";
import { LinkButton } from "./LinkButton";

export function KeepAccountPage() {
  return (
    <LinkButton
      send={(token) => body(api.POST("/api/auth/deletion/undo", { body: { token } }))}
      texts={{
        title: <Trans>Keep your account</Trans>,
        lead: <Trans>Your account is not deleted, and everything in it stays as it was.</Trans>,
        button: <Trans>Keep my account</Trans>,
        done: <Trans>Your account is kept</Trans>,
        doneLead: <Trans>If it was not you who asked to delete it, choose a new password at once.</Trans>,
      }}
    />
  );
}
