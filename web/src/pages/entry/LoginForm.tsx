import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useForm } from "react-hook-form";
import { api, body, setCsrfToken } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { queries } from "@/api/queries";
import { Button } from "@/design/Button";
import { TextField } from "@/design/Field";
import { formatCountdown } from "@/format/time";
import { PasswordField } from "./PasswordField";

interface Credentials {
  email: string;
  password: string;
  /** Undo the deletion of the account. */
  keep_account?: boolean;
}

/** E-mail and password. Unknown address and wrong password look the same; a wait that the platform asks for counts down on the button. */
export function LoginForm({ onDone }: { onDone?: () => void }) {
  const { t } = useLingui();
  const form = useForm<Credentials>();
  const login = useMutation({
    mutationFn: (credentials: Credentials) => body(api.POST("/api/auth/login", { body: credentials })),
    onSuccess: (signedIn) => {
      setCsrfToken(signedIn.csrf_token);
      queries.setQueryData(keys.me(), signedIn.user);
      onDone?.();
    },
  });
  const waitS = useWait(login.error);
  const leaving = login.error instanceof Problem && login.error.code === "account_deleting";
  return (
    <form noValidate className="grid gap-4" onSubmit={form.handleSubmit((credentials) => login.mutate(credentials))}>
      <TextField
        label={t`E-mail`}
        type="email"
        autoComplete="username"
        error={form.formState.errors.email?.message}
        {...form.register("email", { required: t`Enter your e-mail address.` })}
      />
      <PasswordField
        label={t`Password`}
        autoComplete="current-password"
        error={form.formState.errors.password?.message}
        {...form.register("password", { required: t`Enter your password.` })}
      />
      {login.error && !leaving && <LoginError error={login.error} />}
      {leaving && (
        <div role="alert" className="grid gap-3 text-sm text-text-2">
          <Trans>This account is going to be deleted. Sign in to keep it; everything in it stays as it was.</Trans>
          <Button
            busy={login.isPending}
            onClick={form.handleSubmit((credentials) => login.mutate({ ...credentials, keep_account: true }))}
          >
            <Trans>Keep my account and sign in</Trans>
          </Button>
        </div>
      )}
      <Button type="submit" kind="primary" busy={login.isPending} disabled={waitS > 0}>
        {waitS > 0 ? <Trans>Again in {formatCountdown(waitS)}</Trans> : <Trans>Sign in</Trans>}
      </Button>
    </form>
  );
}

function LoginError({ error }: { error: Error }) {
  const problem = error instanceof Problem ? error : null;
  return (
    <p role="alert" className="text-sm text-bad">
      {problem?.status === 401 ? (
        <Trans>Wrong e-mail or password.</Trans>
      ) : problem?.status === 429 ? (
        <Trans>Too many tries.</Trans>
      ) : problem?.offline ? (
        <Trans>Tollway cannot be reached. Check the connection and try again.</Trans>
      ) : (
        (problem?.detail ?? <Trans>Signing in failed. Try again.</Trans>)
      )}
    </p>
  );
}

/** Seconds until the platform takes another try, counted down. */
export function useWait(error: Error | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const wait = error instanceof Problem ? (error.retryAfterS ?? 0) : 0;
    setLeft(wait);
    if (wait === 0) return;
    const until = Date.now() + wait * 1000;
    const timer = window.setInterval(() => {
      const seconds = Math.max(0, (until - Date.now()) / 1000);
      setLeft(seconds);
      if (seconds === 0) window.clearInterval(timer);
    }, 250);
    return () => window.clearInterval(timer);
  }, [error]);
  return left;
}
