import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { type Period, type Split, spanOf } from "./period";

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const TARGETS = 20;

export const trendsQuery = (period: Period, split: Split) =>
  queryOptions({
    queryKey: keys.trends(period, split),
    queryFn: () => {
      const { since, until, interval } = spanOf(period, new Date());
      const query = {
        since: since.toISOString(),
        until: until.toISOString(),
        interval,
        group_by: split,
        time_zone: ZONE,
      };
      return body(api.GET("/api/analytics/usage-trends", { params: { query } }));
    },
    placeholderData: keepPreviousData,
  });

export const targetsQuery = (period: Period) =>
  queryOptions({
    queryKey: keys.targets(period),
    queryFn: async () => {
      const { since, until } = spanOf(period, new Date());
      const query = { since: since.toISOString(), until: until.toISOString(), limit: TARGETS };
      return (await body(api.GET("/api/analytics/targets", { params: { query } }))).items;
    },
    placeholderData: keepPreviousData,
  });

export const costsQuery = (period: Period) =>
  queryOptions({
    queryKey: keys.costs(period),
    queryFn: () => {
      const { since } = spanOf(period, new Date());
      const query = { since: since.toISOString().slice(0, 10) };
      return body(api.GET("/api/analytics/cost-analysis", { params: { query } }));
    },
    placeholderData: keepPreviousData,
  });
