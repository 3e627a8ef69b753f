import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Schema } from "@/api/client";

/** The kinds of credential. */
export const CREDENTIAL_KINDS: Record<Schema<"CredentialView">["kind"], MessageDescriptor> = {
  password: msg`Password`,
  public_key: msg`Public key`,
  wireguard_peer: msg`WireGuard peer`,
  token: msg`Token`,
  source_address: msg`Source address`,
};
