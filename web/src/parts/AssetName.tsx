import { useQuery } from "@tanstack/react-query";
import { assetsQuery } from "@/api/catalog";

/** What an asset is called in the catalogue; its code until that is known, and for what is no longer on sale. */
export function AssetName({ code }: { code: string }) {
  const assets = useQuery(assetsQuery(""));
  return <span title={code}>{assets.data?.find((asset) => asset.asset === code)?.name ?? code}</span>;
}
