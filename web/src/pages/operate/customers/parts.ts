import type { Permission } from "@/api/permissions";

/** The parts of the drawer of a customer, as they stand in the address. */
export const PARTS = ["overview", "money", "payments", "orders", "access", "signins", "mails", "history"] as const;

export type Part = (typeof PARTS)[number];

/** What somebody must be allowed to see a part. */
export const NEEDS: Record<Part, Permission> = {
  overview: "users:read",
  money: "wallets:read",
  payments: "deposits:read",
  orders: "sales:read",
  access: "resources:read",
  signins: "sessions:read",
  mails: "messages:read",
  history: "audit:read",
};
