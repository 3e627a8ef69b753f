import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "@/design/Button";
import { CopyField } from "@/design/Copy";
import { EmptyState } from "@/design/EmptyState";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { NewResourceDialog } from "./NewResourceDialog";
import { proxyConfigQuery } from "./queries";
import { ResourcePanel } from "./ResourcePanel";
import { TestPanel } from "./TestPanel";

/** Endpoints, accesses with their limits, and credentials. */
export function ProxyPage() {
  const { t } = useLingui();
  const config = useQuery(proxyConfigQuery);
  const [adding, setAdding] = useState(false);
  const add = (
    <Button kind="primary" icon={<Plus className="size-4" />} onClick={() => setAdding(true)}>
      <Trans>New access</Trans>
    </Button>
  );
  return (
    <>
      <PageHead
        title={<Trans>Proxy</Trans>}
        lead={<Trans>An access has limits of its own and as many credentials as you have clients.</Trans>}
        actions={add}
      />
      <Loaded query={config}>
        {({ endpoints, resources }) => (
          <>
            <Panel title={<Trans>Endpoints</Trans>}>
              <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
                {endpoints.map((endpoint) => (
                  <li key={`${endpoint.protocol}:${endpoint.port}`} className="grid min-w-0 gap-1">
                    <span className="text-sm text-text-3">{endpoint.protocol.toUpperCase()}</span>
                    <CopyField value={`${endpoint.host}:${endpoint.port}`} label={t`Copy the endpoint`} />
                  </li>
                ))}
              </ul>
            </Panel>
            {resources.length === 0 ? (
              <Panel>
                <EmptyState icon={<KeyRound />} action={add}>
                  <Trans>No access yet. Make one to get a user name and a password.</Trans>
                </EmptyState>
              </Panel>
            ) : (
              <>
                {resources.map((resource) => (
                  <ResourcePanel key={resource.id} resource={resource} />
                ))}
                <TestPanel resources={resources} />
              </>
            )}
          </>
        )}
      </Loaded>
      {adding && <NewResourceDialog onClose={() => setAdding(false)} />}
    </>
  );
}
