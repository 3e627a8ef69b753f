import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Schema } from "@/api/client";

/** The steps that an order takes. */
export const ORDER_STEPS: Record<Schema<"OrderState">, MessageDescriptor> = {
  placed: msg`Placed`,
  funds_held: msg`Money reserved`,
  allocated: msg`Data set aside`,
  filled: msg`Delivered`,
  releasing: msg`Giving the money back`,
  failed: msg`Failed`,
  cancelled: msg`Cancelled`,
};
