const GB = 1_000_000_000n;

/** A whole number of gigabytes, as operators type it. */
export const GIGABYTES = /^[1-9]\d{0,8}$/;

/** What the API takes for a number of gigabytes: bytes. */
export function unitsOf(gigabytes: string): string {
  return (BigInt(gigabytes) * GB).toString();
}
