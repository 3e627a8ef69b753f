import { Bytes, Money } from "@/design/Values";

/** An amount of an account: money with its currency, or bytes; as it is while the kind is not known. `sign` says which way it went. */
export function Amount({
  kind,
  asset,
  amount,
  sign,
}: {
  kind: string | undefined;
  asset: string;
  amount: string;
  sign?: "in" | "out";
}) {
  if (kind === "money") {
    return <Money amount={sign === "out" ? `-${amount}` : amount} currency={asset} metered sign={sign !== undefined} />;
  }
  const direction = sign && (sign === "out" ? "−" : "+");
  if (kind === undefined) {
    return (
      <span className="whitespace-nowrap">
        {direction}
        {amount} {asset}
      </span>
    );
  }
  return (
    <>
      {direction}
      <Bytes count={amount} />
    </>
  );
}
