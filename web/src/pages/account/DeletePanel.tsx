import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Switch } from "@/design/Switch";
import { Bytes, Money } from "@/design/Values";
import { toText } from "@/format/decimal";
import { PasswordField } from "@/pages/entry/PasswordField";

const MONEY_DIGITS = 6;

/** Deleting the account: what stands in the way, then the address typed and the password. */
export function DeletePanel() {
  const deletion = useQuery({ queryKey: keys.deletion(), queryFn: () => body(api.GET("/api/account/deletion")) });
  const [asking, setAsking] = useState(false);
  return (
    <Panel title={<Trans>Delete the account</Trans>}>
      <Loaded query={deletion}>
        {({ obstacles, grace_days }) => (
          <div className="grid gap-4">
            <p className="text-text-2">
              <Trans>
                Your sessions and accesses end at once. After {grace_days} days everything that says who you are is
                erased; until then you can keep the account by the link in the mail, or by signing in.
              </Trans>
            </p>
            {obstacles.length > 0 && <Obstacles obstacles={obstacles} />}
            <div>
              <Button
                kind="danger"
                disabled={obstacles.some((one) => !one.forfeitable)}
                onClick={() => setAsking(true)}
              >
                <Trans>Delete the account</Trans>
              </Button>
            </div>
            {asking && <DeleteDialog forfeits={obstacles} onClose={() => setAsking(false)} />}
          </div>
        )}
      </Loaded>
    </Panel>
  );
}

function Obstacles({ obstacles }: { obstacles: readonly Schema<"ObstacleView">[] }) {
  return (
    <div className="grid gap-1">
      <p className="font-medium">
        <Trans>This stands in the way:</Trans>
      </p>
      <ul className="list-disc ps-5 text-text-2">
        {obstacles.map((one) => (
          <li key={`${one.kind} ${one.asset} ${one.amount}`}>
            <Obstacle one={one} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Obstacle({ one }: { one: Schema<"ObstacleView"> }) {
  const amount = <Amount one={one} />;
  switch (one.kind) {
    case "balance":
      return <Trans>{amount} are left. Use them or give them away; or give them up when you delete the account.</Trans>;
    case "hold":
      return <Trans>{amount} are set aside for what is under way. End your connections and wait for orders.</Trans>;
    case "order":
      return <Trans>Orders are under way. Wait until they are filled, or cancel them.</Trans>;
    case "quote":
      return <Trans>A price is kept for you. Wait until it has expired.</Trans>;
    case "deposit":
      return <Trans>A deposit of {amount} is under way. Wait until it has arrived or failed.</Trans>;
    case "debt":
      return <Trans>You owe {amount}. Pay in as much to settle it.</Trans>;
    case "operator":
      return <Trans>This is an operator's account. Another operator has to take its roles away first.</Trans>;
    default:
      return <>{one.detail}</>;
  }
}

function Amount({ one }: { one: Schema<"ObstacleView"> }) {
  // Currencies have three letters (ISO 4217); all else is bytes of an access.
  if (one.asset.length !== 3) return <Bytes count={one.amount} />;
  return <Money amount={toText(BigInt(one.amount), MONEY_DIGITS)} currency={one.asset} />;
}

const EMPTY = { address: "", current_password: "" };

function DeleteDialog({ forfeits, onClose }: { forfeits: readonly Schema<"ObstacleView">[]; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const security = useQuery({ queryKey: keys.security(), queryFn: () => body(api.GET("/api/account/security")) });
  const [forfeit, setForfeit] = useState(false);
  const form = useForm({ defaultValues: EMPTY });
  const remove = useMutation({
    mutationFn: ({ current_password }: typeof EMPTY) =>
      body(api.POST("/api/account/deletion", { body: { current_password, forfeit } })),
    onSuccess: () => {
      queries.clear();
      window.location.assign("/login");
    },
  });
  const address = security.data?.email ?? "";
  const typed = form.watch("address").trim().toLowerCase() === address.toLowerCase() && address !== "";
  const given = forfeits.length === 0 || forfeit;
  return (
    <Dialog
      title={<Trans>Delete the account</Trans>}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button form="delete-account" type="submit" kind="danger" busy={remove.isPending} disabled={!typed || !given}>
            <Trans>Delete the account</Trans>
          </Button>
        </>
      }
    >
      <form
        id="delete-account"
        noValidate
        className="grid gap-4"
        onSubmit={form.handleSubmit((wanted) => remove.mutate(wanted))}
      >
        <p className="text-text-2">
          <Trans>
            You are signed out everywhere and your connections end. We write to{" "}
            <span className="break-all font-medium">{address}</span> how to keep the account after all.
          </Trans>
        </p>
        {forfeits.length > 0 && (
          <Switch
            label={t`Give up what is left`}
            hint={t`It does not come back when the account is erased.`}
            checked={forfeit}
            onChange={setForfeit}
          />
        )}
        <TextField label={t`Type your e-mail address`} autoComplete="off" {...form.register("address")} />
        <PasswordField
          label={t`Your password`}
          autoComplete="current-password"
          error={form.formState.errors.current_password?.message}
          {...form.register("current_password", { required: t`Enter your password.` })}
        />
        {remove.error && <ProblemNotice error={remove.error} />}
      </form>
    </Dialog>
  );
}
