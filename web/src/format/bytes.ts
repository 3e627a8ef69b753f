import { toText } from "./decimal";

// Decimal units, as they are billed: 1 GB = 1,000,000,000 bytes.
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** "12.4 GB": three figures. The exact count belongs beside it (`formatExactBytes`). */
export function formatBytes(bytes: bigint | string | number, locale: string): string {
  const value = BigInt(bytes);
  const size = value < 0n ? -value : value;
  let index = 0;
  let base = 1n;
  while (index < UNITS.length - 1 && size >= base * 1000n) {
    base *= 1000n;
    index += 1;
  }
  const whole = size / base;
  const digits = index === 0 || whole >= 100n ? 0 : whole >= 10n ? 1 : 2;
  const shown = (size * 10n ** BigInt(digits) + base / 2n) / base;
  if (shown >= 1000n * 10n ** BigInt(digits) && index < UNITS.length - 1) return formatBytes(base * 1000n, locale);
  const text = new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(
    toText(shown, digits) as unknown as number,
  );
  return `${value < 0n ? "−" : ""}${text} ${UNITS[index]}`;
}

/** "12,400,000,000 bytes", without the word, which is translated where it is used. */
export function formatExactBytes(bytes: bigint | string, locale: string): string {
  return new Intl.NumberFormat(locale).format(BigInt(bytes)).replace("-", "−");
}

/** "2.1 MB/s". */
export function formatRate(bytesPerSecond: number, locale: string): string {
  return `${formatBytes(BigInt(Math.round(bytesPerSecond)), locale)}/s`;
}
