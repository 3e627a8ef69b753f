import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import {
  Activity,
  BarChart3,
  BellRing,
  BookOpenCheck,
  Gauge,
  Globe2,
  KeyRound,
  LibraryBig,
  type LucideIcon,
  PlugZap,
  Server,
  Tags,
  UserRound,
  Users,
  Wallet,
  Waypoints,
} from "lucide-react";
import type { Permission } from "@/api/permissions";

export interface Place {
  to: string;
  name: MessageDescriptor;
  Icon: LucideIcon;
  /** It is marked only on its own page, not on the pages below it. */
  exact?: boolean;
  /** What somebody must be allowed to see it. */
  needs?: Permission;
  /** The second key of its shortcut: "g d". */
  key: string;
}

/** Where a customer can go, in the order of the rail and of the bar of phones. */
export const CUSTOMER_PLACES: readonly Place[] = [
  { to: "/dashboard", name: msg`Dashboard`, Icon: Gauge, key: "d" },
  { to: "/proxy", name: msg`Proxy`, Icon: PlugZap, key: "p" },
  { to: "/connection", name: msg`Connections`, Icon: Globe2, key: "c" },
  { to: "/billing", name: msg`Billing`, Icon: Wallet, key: "b" },
  { to: "/analytics", name: msg`Analytics`, Icon: BarChart3, key: "a" },
  { to: "/account", name: msg`Account`, Icon: UserRound, key: "u" },
];

/** Where an operator can go. */
export const OPERATOR_PLACES: readonly Place[] = [
  { to: "/operate", name: msg`Attention`, Icon: BellRing, key: "t", exact: true },
  { to: "/operate/customers", name: msg`Customers`, Icon: Users, key: "c", needs: "users:read" },
  { to: "/operate/live", name: msg`Live`, Icon: Activity, key: "l", needs: "traffic:read" },
  { to: "/operate/nodes", name: msg`Nodes`, Icon: Server, key: "n", needs: "nodes:read" },
  { to: "/operate/prices", name: msg`Prices`, Icon: Tags, key: "p", needs: "products:read" },
  { to: "/operate/books", name: msg`Books`, Icon: LibraryBig, key: "b", needs: "books:read" },
  { to: "/operate/gateway", name: msg`Gateway`, Icon: Waypoints, key: "w", needs: "gateway:read" },
  { to: "/operate/keys", name: msg`Keys`, Icon: KeyRound, key: "k", needs: "keys:read" },
  { to: "/operate/audit", name: msg`Audit`, Icon: BookOpenCheck, key: "a", needs: "audit:read" },
];
