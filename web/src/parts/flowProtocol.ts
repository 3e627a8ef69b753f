/** What a connection spoke to its proxy node, by the node's word for it: a tunnel by CONNECT is sold as HTTPS. */
export const FLOW_PROTOCOLS: Record<string, string> = {
  http: "HTTP",
  connect: "HTTPS",
  socks5: "SOCKS5",
};

/** Name the protocol of a connection. One that only a newer platform knows keeps its own word. */
export function flowProtocol(protocol: string): string {
  return FLOW_PROTOCOLS[protocol] ?? protocol.toUpperCase();
}
