import { useLingui } from "@lingui/react/macro";
import { useEffect, useRef } from "react";
import type uPlot from "uplot";
import type { RateSample } from "@/api/live";
import { formatRate } from "@/format/bytes";

const SHOWN_S = 300;
const HEIGHT = 132;

function token(element: Element, name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--color-${name})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** Throughput of the last five minutes. The library is loaded after the first paint; until then the space is kept. */
export function LiveLine({ samples, label }: { samples: readonly RateSample[]; label: string }) {
  const { i18n, t } = useLingui();
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(samples);
  latest.current = samples;
  const locale = i18n.locale;
  const received = t`Received`;
  const sent = t`Sent`;

  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    let ended = false;
    let observer: ResizeObserver | undefined;
    void Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]).then(([{ default: Plot }]) => {
      if (ended) return;
      const font = `11px ${getComputedStyle(element).fontFamily}`;
      const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
      const axis = {
        font,
        stroke: token(element, "text-3"),
        grid: { stroke: token(element, "line"), width: 1 },
        ticks: { show: false },
      };
      const line = (name: string, colour: string) => ({
        label: name,
        stroke: token(element, colour),
        width: 2,
        points: { show: false },
      });
      chart.current = new Plot(
        {
          width: element.clientWidth,
          height: HEIGHT,
          legend: { show: false },
          cursor: { show: false },
          scales: {
            x: { time: true, range: () => [Date.now() / 1000 - SHOWN_S, Date.now() / 1000] },
            y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1000)] },
          },
          axes: [
            {
              ...axis,
              size: 24,
              grid: { show: false },
              values: (_plot, values) => values.map((value) => clock.format(value * 1000)),
            },
            { ...axis, size: 72, values: (_plot, values) => values.map((value) => formatRate(value, locale)) },
          ],
          series: [{}, line(received, "chart-1"), line(sent, "chart-3")],
        },
        rows(latest.current),
        element,
      );
      observer = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
      observer.observe(element);
    });
    return () => {
      ended = true;
      observer?.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [locale, received, sent]);

  useEffect(() => {
    chart.current?.setData(rows(samples));
  }, [samples]);

  const now = samples.at(-1);
  return (
    <figure className="grid gap-2">
      <figcaption className="flex flex-wrap gap-x-4 text-sm text-text-2">
        <span className="inline-flex items-center gap-1.5">
          <i className="h-0.5 w-3 rounded-full bg-chart-1" aria-hidden="true" />
          {received} <b className="font-medium text-text">{formatRate(now?.receivedPerSecond ?? 0, locale)}</b>
        </span>
        <span className="inline-flex items-center gap-1.5">
          <i className="h-0.5 w-3 rounded-full bg-chart-3" aria-hidden="true" />
          {sent} <b className="font-medium text-text">{formatRate(now?.sentPerSecond ?? 0, locale)}</b>
        </span>
      </figcaption>
      <div ref={holder} role="img" aria-label={label} style={{ height: HEIGHT }} />
    </figure>
  );
}

function rows(samples: readonly RateSample[]): uPlot.AlignedData {
  return [
    samples.map((sample) => sample.at / 1000),
    samples.map((sample) => sample.receivedPerSecond),
    samples.map((sample) => sample.sentPerSecond),
  ];
}
