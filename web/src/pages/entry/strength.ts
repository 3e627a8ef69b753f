/** A first impression of a password's strength while it is typed, 0 to 4. The platform has the last word when it is sent. */
export function strength(password: string): 0 | 1 | 2 | 3 | 4 {
  if (password.length < 10) return 0;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  const distinct = new Set(password).size;
  if (distinct < 5) return 1;
  const score =
    (password.length >= 12 ? 1 : 0) +
    (password.length >= 14 ? 1 : 0) +
    (password.length >= 18 ? 1 : 0) +
    (kinds >= 3 ? 1 : 0);
  return Math.max(1, Math.min(4, score)) as 1 | 2 | 3 | 4;
}
