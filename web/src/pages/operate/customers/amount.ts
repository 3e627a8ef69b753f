import { isZero } from "@/format/decimal";

const AMOUNT = /^\d{1,9}(\.\d{1,6})?$/;

/** Whether a text is an amount of money above zero, as the API takes it. */
export function isAmount(text: string): boolean {
  return AMOUNT.test(text) && !isZero(text);
}
