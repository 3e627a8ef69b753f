import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { StickyNote } from "lucide-react";
import { useState } from "react";
import { api, body, newIdempotencyKey } from "@/api/client";
import { keys } from "@/api/keys";
import { meQuery } from "@/api/queries";
import { Button } from "@/design/Button";
import { EmptyState } from "@/design/EmptyState";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { MoreButton } from "@/design/MoreButton";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Time } from "@/design/Values";
import { Allowed } from "@/parts/Allowed";
import { notesQuery } from "./queries";

/** What operators noted about a customer, and a line to note more. */
export function NotesPanel({ userId }: { userId: string }) {
  const notes = useInfiniteQuery(notesQuery(userId));
  const { data: me } = useQuery(meQuery);
  const all = notes.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel flush title={<Trans>Notes</Trans>}>
      <Allowed to="notes:manage">
        <NewNote userId={userId} />
      </Allowed>
      <Loaded query={notes}>
        {() =>
          all.length === 0 ? (
            <EmptyState icon={<StickyNote />}>
              <Trans>Nobody has noted anything yet.</Trans>
            </EmptyState>
          ) : (
            <ul className="divide-y divide-line">
              {all.map((one) => (
                <li key={one.id} className="grid gap-1 px-4 py-3">
                  <p className="break-words whitespace-pre-wrap">{one.text}</p>
                  <p className="flex flex-wrap gap-x-2 text-sm text-text-3">
                    <Time at={one.created_at} />
                    {one.author_id === me?.id ? <Trans>You</Trans> : <code>{one.author_id}</code>}
                  </p>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <MoreButton query={notes} />
    </Panel>
  );
}

function NewNote({ userId }: { userId: string }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const [key, setKey] = useState(newIdempotencyKey);
  const add = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/admin/users/{user_id}/notes", {
          params: { path: { user_id: userId }, header: { "idempotency-key": key } },
          body: { text: text.trim() },
        }),
      ),
    onSuccess: async () => {
      setText("");
      setKey(newIdempotencyKey());
      await queries.invalidateQueries({ queryKey: keys.admin.notes(userId) });
    },
  });
  return (
    <form
      className="grid gap-3 border-b border-line p-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() && !add.isPending) add.mutate();
      }}
    >
      <div className="flex flex-wrap items-start gap-3">
        <div className="min-w-48 grow">
          <TextField
            label={t`Note`}
            hint={t`The customer finds it in an export of their data. It is erased with them.`}
            maxLength={2000}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setKey(newIdempotencyKey());
            }}
          />
        </div>
        <div className="pt-6.5">
          <Button type="submit" busy={add.isPending} disabled={!text.trim()}>
            <Trans>Add the note</Trans>
          </Button>
        </div>
      </div>
      {add.error && <ProblemNotice error={add.error} />}
    </form>
  );
}
