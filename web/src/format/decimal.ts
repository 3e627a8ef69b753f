/** Exact decimal text. Amounts of the API are decimal strings; a Number would round them, so they stay text and BigInt. */
export interface Decimal {
  /** The value times 10^scale. */
  readonly units: bigint;
  readonly scale: number;
}

const DECIMAL = /^-?\d+(\.\d+)?$/;

/** Read "-12.50". Throws a RangeError for anything else, so that a wrong amount is never shown as another one. */
export function parseDecimal(text: string): Decimal {
  if (!DECIMAL.test(text)) throw new RangeError(`"${text}" is not a decimal number`);
  const point = text.indexOf(".");
  const scale = point < 0 ? 0 : text.length - point - 1;
  return { units: BigInt(text.replace(".", "")), scale };
}

export function rescale(value: Decimal, scale: number): bigint {
  if (scale >= value.scale) return value.units * 10n ** BigInt(scale - value.scale);
  return value.units / 10n ** BigInt(value.scale - scale);
}

export function toText(units: bigint, scale: number): string {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

export function compare(left: string, right: string): number {
  const a = parseDecimal(left);
  const b = parseDecimal(right);
  const scale = Math.max(a.scale, b.scale);
  const difference = rescale(a, scale) - rescale(b, scale);
  return difference === 0n ? 0 : difference > 0n ? 1 : -1;
}

export function subtract(left: string, right: string): string {
  const a = parseDecimal(left);
  const b = parseDecimal(right);
  const scale = Math.max(a.scale, b.scale);
  return toText(rescale(a, scale) - rescale(b, scale), scale);
}

export function add(left: string, right: string): string {
  const a = parseDecimal(left);
  const b = parseDecimal(right);
  const scale = Math.max(a.scale, b.scale);
  return toText(rescale(a, scale) + rescale(b, scale), scale);
}

export function isZero(text: string): boolean {
  return parseDecimal(text).units === 0n;
}
