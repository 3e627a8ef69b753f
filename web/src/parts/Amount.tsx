import { Bytes, Money } from "@/design/Values";

/** What an asset is, by its code: currencies are written in capitals, products in small letters. */
export function kindOf(asset: string): "money" | "access" {
  return /^[A-Z]{3,10}$/.test(asset) ? "money" : "access";
}

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
