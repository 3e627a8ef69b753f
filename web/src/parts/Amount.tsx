import { Bytes, Money } from "@/design/Values";

/** An amount of an account: money with its currency, or bytes. `sign` says which way it went. */
export function Amount({
  kind,
  asset,
  amount,
  sign,
}: {
  kind: string;
  asset: string;
  amount: string;
  sign?: "in" | "out";
}) {
  if (kind === "money") {
    return <Money amount={sign === "out" ? `-${amount}` : amount} currency={asset} metered sign={sign !== undefined} />;
  }
  return (
    <>
      {sign && (sign === "out" ? "−" : "+")}
      <Bytes count={amount} />
    </>
  );
}
