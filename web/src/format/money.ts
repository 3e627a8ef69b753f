import { parseDecimal, rescale, toText } from "./decimal";

const METERED_DIGITS = 6;

// Intl formats a decimal string exactly (ECMA-402); the declaration files of TypeScript allow only numbers.
function exactly(format: Intl.NumberFormat, amount: string): string {
  return format.format(amount as unknown as number).replace("-", "−");
}

function minorDigits(currency: string): number {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

/** "€12.40": an amount of a wallet, an order or a price. More digits than the currency's are shown, never rounded away. */
export function formatMoney(amount: string, currency: string, locale: string): string {
  const minor = minorDigits(currency);
  const value = parseDecimal(amount);
  let { units, scale } = value;
  while (scale > minor && units % 10n === 0n) {
    units /= 10n;
    scale -= 1;
  }
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    minimumFractionDigits: minor,
    maximumFractionDigits: Math.max(minor, scale),
  });
  return exactly(format, toText(units, scale));
}

/** "€0.000213", or "< €0.000001": a metered amount, whose last digits matter and which is never shown as nothing. */
export function formatMeteredMoney(amount: string, currency: string, locale: string): string {
  const value = parseDecimal(amount);
  const micros = rescale(value, METERED_DIGITS);
  if (micros === 0n && value.units !== 0n) return `< ${formatMoney("0.000001", currency, locale)}`;
  return formatMoney(toText(micros, METERED_DIGITS), currency, locale);
}

/** "€12": a whole amount for an axis or a chip. */
export function formatRoundMoney(amount: string, currency: string, locale: string): string {
  return exactly(new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 0 }), amount);
}
