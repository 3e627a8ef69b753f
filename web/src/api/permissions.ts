import type { Schema } from "./client";

/** The permissions that pages for operators ask about. The platform checks each again at its routes. */
export const PERMISSIONS = [
  "audit:manage",
  "audit:read",
  "books:manage",
  "books:read",
  "capacity:manage",
  "connections:manage",
  "corrections:manage",
  "corrections:read",
  "credentials:manage",
  "deposits:manage",
  "deposits:read",
  "gateway:read",
  "keys:manage",
  "keys:read",
  "messages:read",
  "nodes:read",
  "notes:manage",
  "notes:read",
  "prices:manage",
  "products:manage",
  "products:read",
  "resources:manage",
  "resources:read",
  "sales:read",
  "sessions:manage",
  "sessions:read",
  "traffic:read",
  "users:manage",
  "users:read",
  "wallets:read",
] as const;

export type Permission = (typeof PERMISSIONS)[number];

type Me = Pick<Schema<"OwnAccountView">, "permissions"> | null | undefined;

/** Whether somebody may ask for what this permission opens. */
export function may(me: Me, permission: Permission): boolean {
  return me?.permissions.includes(permission) ?? false;
}

/** Whether somebody has anything to do on the operator's pages. */
export function mayOperate(me: Me): boolean {
  return PERMISSIONS.some((permission) => may(me, permission));
}
