import { Trans, useLingui } from "@lingui/react/macro";
import { signInTooOld } from "@/api/queries";
import { Dialog } from "@/design/Dialog";
import { LoginForm } from "@/pages/entry/LoginForm";

/** The session ended while a page was open: sign in over it, so that what was typed is kept. */
export function SignInAgain() {
  const { t } = useLingui();
  const tooOld = signInTooOld();
  return (
    <Dialog title={tooOld ? t`Sign in again` : t`You are signed out`} onClose={() => undefined} locked>
      <p className="mb-4 text-text-2">
        {tooOld ? (
          <Trans>What you want to do needs a fresh sign-in. Then do it again; what you typed is kept.</Trans>
        ) : (
          <Trans>Sign in to go on. What you typed on the page is kept.</Trans>
        )}
      </p>
      <LoginForm />
    </Dialog>
  );
}
