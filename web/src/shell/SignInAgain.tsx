import { Trans, useLingui } from "@lingui/react/macro";
import { Dialog } from "@/design/Dialog";
import { LoginForm } from "@/pages/entry/LoginForm";

/** The session ended while a page was open: sign in over it, so that what was typed is kept. */
export function SignInAgain() {
  const { t } = useLingui();
  return (
    <Dialog title={t`You are signed out`} onClose={() => undefined} locked>
      <p className="mb-4 text-text-2">
        <Trans>Sign in to go on. What you typed on the page is kept.</Trans>
      </p>
      <LoginForm />
    </Dialog>
  );
}
