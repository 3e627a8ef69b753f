import { Trans, useLingui } from "@lingui/react/macro";
import { useQueryClient } from "@tanstack/react-query";
import { keys } from "@/api/keys";
import { lastUserId, signInTooOld } from "@/api/queries";
import { Dialog } from "@/design/Dialog";
import { LoginForm } from "@/pages/entry/LoginForm";

/** The session ended while a page was open: sign in over it, so that what was typed is kept. */
export function SignInAgain() {
  const { t } = useLingui();
  const tooOld = signInTooOld();
  const queries = useQueryClient();
  const goOn = () => {
    const { id } = queries.getQueryData<{ id: string }>(keys.me()) ?? { id: "" };
    // Somebody else signed in: nothing of whoever was here before stays.
    if (id !== lastUserId()) window.location.assign("/dashboard");
    else void queries.invalidateQueries();
  };
  return (
    <Dialog title={tooOld ? t`Sign in again` : t`You are signed out`} onClose={() => undefined} locked>
      <p className="mb-4 text-text-2">
        {tooOld ? (
          <Trans>What you want to do needs a fresh sign-in. Then do it again; what you typed is kept.</Trans>
        ) : (
          <Trans>Sign in to go on. What you typed on the page is kept.</Trans>
        )}
      </p>
      <LoginForm onDone={goOn} />
    </Dialog>
  );
}
