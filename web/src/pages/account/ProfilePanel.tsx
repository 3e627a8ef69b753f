import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { meQuery } from "@/api/queries";
import { Button } from "@/design/Button";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { SkeletonRows } from "@/design/Skeleton";
import { Status } from "@/design/Status";
import { toast } from "@/design/toast";
import { fieldProblem } from "@/pages/entry/fieldProblem";

type Profile = Schema<"ProfileView">;

export function ProfilePanel() {
  const profile = useQuery({ queryKey: keys.profile(), queryFn: () => body(api.GET("/api/users/me")) });
  return (
    <Panel title={<Trans>Profile</Trans>}>
      <Loaded query={profile} skeleton={<SkeletonRows rows={7} />}>
        {(found) => <ProfileForm profile={found} />}
      </Loaded>
    </Panel>
  );
}

function ProfileForm({ profile }: { profile: Profile }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const me = useQuery(meQuery);
  const form = useForm({ values: { display_name: profile.display_name, time_zone: profile.time_zone } });
  const save = useMutation({
    mutationFn: (change: { display_name: string; time_zone: string }) =>
      body(api.PATCH("/api/users/me", { body: change })),
    onSuccess: (saved) => {
      queries.setQueryData(keys.profile(), saved);
      toast(t`Saved.`);
    },
  });
  const problem = save.error instanceof Problem ? save.error : null;
  return (
    <form className="grid gap-4" onSubmit={form.handleSubmit((change) => save.mutate(change))}>
      <div className="grid gap-1">
        <span className="text-sm font-medium text-text-2">
          <Trans>E-mail</Trans>
        </span>
        <span className="flex flex-wrap items-center gap-2">
          <span className="break-all">{me.data?.email}</span>
          {me.data?.email_verified && <Status tone="ok">{t`Confirmed`}</Status>}
        </span>
      </div>
      <TextField
        label={t`Name`}
        autoComplete="name"
        error={fieldProblem(problem, "display_name")}
        {...form.register("display_name")}
      />
      <TextField
        label={t`Time zone`}
        list="time-zones"
        hint={t`Days and months are cut in this zone.`}
        error={fieldProblem(problem, "time_zone")}
        {...form.register("time_zone")}
      />
      <datalist id="time-zones">
        {Intl.supportedValuesOf("timeZone").map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      {problem && problem.errors.length === 0 && <ProblemNotice error={problem} />}
      <div>
        <Button type="submit" kind="primary" busy={save.isPending} disabled={!form.formState.isDirty}>
          <Trans>Save</Trans>
        </Button>
      </div>
    </form>
  );
}
