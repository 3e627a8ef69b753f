import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Loaded } from "@/design/Loaded";
import { PageHead, Panel } from "@/design/Panel";
import { NodeTable } from "./NodeTable";
import { nodesQuery } from "./queries";

export function NodesPage() {
  const nodes = useQuery(nodesQuery);
  return (
    <>
      <PageHead
        title={<Trans>Nodes</Trans>}
        lead={<Trans>The edge nodes, what they carry and what they have reserved.</Trans>}
      />
      <Panel flush>
        <Loaded query={nodes}>{(all) => <NodeTable nodes={all} />}</Loaded>
      </Panel>
    </>
  );
}
