import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Switch } from "@/design/Switch";

// The platform refuses to leave these out.
const ALWAYS_SENT = "security";

export function NotificationsPanel() {
  const { t } = useLingui();
  const queries = useQueryClient();
  const settings = useQuery({
    queryKey: keys.notificationSettings(),
    queryFn: () => body(api.GET("/api/notifications/settings")),
  });
  const choose = useMutation({
    mutationFn: (email: Record<string, boolean>) => body(api.POST("/api/notifications/settings", { body: { email } })),
    onMutate: (change) => {
      // The switch moves at once; when the platform refuses, it moves back.
      const before = queries.getQueryData<{ email: Record<string, boolean> }>(keys.notificationSettings());
      if (before) queries.setQueryData(keys.notificationSettings(), { email: { ...before.email, ...change } });
      return before;
    },
    onError: (_error, _change, before) => queries.setQueryData(keys.notificationSettings(), before),
    onSuccess: (saved) => queries.setQueryData(keys.notificationSettings(), saved),
  });
  const names: Record<string, string> = {
    security: t`Security`,
    receipts: t`Receipts`,
    product: t`News`,
  };
  return (
    <Panel title={<Trans>E-mail</Trans>}>
      <Loaded query={settings}>
        {({ email }) => (
          <div className="divide-y divide-line">
            {Object.entries(email).map(([kind, on]) => (
              <Switch
                key={kind}
                label={names[kind] ?? kind.replaceAll("_", " ").replace(/^./, (first) => first.toLocaleUpperCase())}
                hint={kind === ALWAYS_SENT ? t`Always sent.` : undefined}
                checked={on}
                disabled={kind === ALWAYS_SENT}
                onChange={(checked) => choose.mutate({ [kind]: checked })}
              />
            ))}
          </div>
        )}
      </Loaded>
      {choose.error && <ProblemNotice error={choose.error} />}
    </Panel>
  );
}
