import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { ReasonDialog } from "@/design/ReasonDialog";
import { toast } from "@/design/toast";

type Role = Schema<"SetRoles">["roles"][number];
const ROLES: readonly Role[] = ["customer", "support", "admin"];

/** Give an account other roles. Its name has to be typed: an admin can do everything here. */
export function RolesDialog({ user, onClose }: { user: Schema<"UserView">; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [roles, setRoles] = useState<readonly Role[]>(ROLES.filter((role) => user.roles.includes(role)));
  const change = useMutation({
    mutationFn: (reason: string) =>
      body(
        api.PUT("/api/admin/users/{user_id}/roles", {
          params: { path: { user_id: user.id } },
          body: { roles: [...roles], reason },
        }),
      ),
    onSuccess: async () => {
      toast(t`The roles are changed. The account has to sign in again.`);
      onClose();
      await queries.invalidateQueries({ queryKey: ["admin"] });
    },
  });
  const means: Record<Role, string> = {
    customer: t`Buys and uses access.`,
    support: t`Sees every customer, ends connections and sessions.`,
    admin: t`May do everything here, also move money and give roles.`,
  };
  return (
    <ReasonDialog
      title={<Trans>Roles of {user.email}</Trans>}
      action={<Trans>Change the roles</Trans>}
      name={user.email}
      change={change}
      onClose={onClose}
    >
      <fieldset className="grid gap-2">
        <legend className="sr-only">
          <Trans>Roles</Trans>
        </legend>
        {ROLES.map((role) => (
          <label key={role} className="flex items-start gap-3 text-text">
            <input
              type="checkbox"
              className="mt-1 size-4 accent-accent"
              checked={roles.includes(role)}
              onChange={(event) =>
                setRoles(event.target.checked ? [...roles, role] : roles.filter((one) => one !== role))
              }
            />
            <span>
              <code>{role}</code>
              <span className="block text-sm text-text-3">{means[role]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <p>
        <Trans>The account is signed out everywhere, as its sessions carry the old roles.</Trans>
      </p>
    </ReasonDialog>
  );
}
