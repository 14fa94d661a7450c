import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Plot, windowStart } from "../shared/chart/plot";
import { bytes, count, micros } from "../shared/format";
import { everyFrame } from "../shared/frames";
import type { Figure, Figures } from "./figures";

interface ChartSpec {
  readonly title: string;
  readonly format: (value: number) => string;
  readonly units?: "bytes";
  readonly lines: { figure: Figure; name: string; color: `--${string}`; fill?: boolean }[];
}

const perSecond = (value: number) => `${count(value)}/s`;
const bytesPerSecond = (value: number) => `${bytes(value)}/s`;

const CHARTS: ChartSpec[] = [
  {
    title: "Connections",
    format: count,
    lines: [
      { figure: "connections", name: "connections", color: "--series-1", fill: true },
      { figure: "users", name: "users", color: "--series-2" },
    ],
  },
  {
    title: "Messages in",
    format: perSecond,
    lines: [
      { figure: "publications", name: "publications", color: "--series-1", fill: true },
      { figure: "commands", name: "commands", color: "--series-2" },
    ],
  },
  {
    title: "Fan-out",
    format: perSecond,
    lines: [{ figure: "deliveries", name: "deliveries", color: "--series-4", fill: true }],
  },
  {
    title: "Publish latency",
    format: micros,
    lines: [
      { figure: "latency99", name: "p99", color: "--series-5", fill: true },
      { figure: "latency50", name: "p50", color: "--series-3" },
    ],
  },
  {
    title: "Bytes",
    format: bytesPerSecond,
    units: "bytes",
    lines: [
      { figure: "bytesOut", name: "out", color: "--series-2", fill: true },
      { figure: "bytesIn", name: "in", color: "--series-3" },
    ],
  },
  {
    title: "Memory",
    format: bytes,
    units: "bytes",
    lines: [{ figure: "memory", name: "resident", color: "--series-3", fill: true }],
  },
];

const SPANS = [
  { name: "1 min", ms: 60_000 },
  { name: "5 min", ms: 300_000 },
  { name: "30 min", ms: 1_800_000 },
];

/** Live figures and charts. */
export function Overview({ figures }: { figures: Figures }): JSX.Element {
  const [span, setSpan] = useState(SPANS[0]!.ms);
  // One pointer for all charts: the same moment in each.
  const pointer = useRef<number | null>(null);
  return (
    <div class="overview">
      <Tiles figures={figures} />
      <div class="spans" role="radiogroup" aria-label="Time shown">
        {SPANS.map(({ name, ms }) => (
          <button
            key={ms}
            role="radio"
            aria-checked={ms === span}
            class={ms === span ? "on" : "quiet"}
            onClick={() => setSpan(ms)}
          >
            {name}
          </button>
        ))}
      </div>
      <div class="charts">
        {CHARTS.map((spec) => (
          <ChartCard key={spec.title} spec={spec} figures={figures} span={span} pointer={pointer} />
        ))}
      </div>
    </div>
  );
}

function Tiles({ figures }: { figures: Figures }): JSX.Element {
  const stats = figures.latest;
  const cpu = figures.last("cpu");
  const tiles: [string, string][] = [
    ["Connections", stats ? count(stats.connections) : "–"],
    ["Users", stats ? count(stats.users) : "–"],
    ["Channels", stats ? count(stats.channels) : "–"],
    ["Subscriptions", stats ? count(stats.subscriptions) : "–"],
    ["Published", show(figures.last("publications"), perSecond)],
    ["Delivered", show(figures.last("deliveries"), perSecond)],
    ["CPU", show(cpu, (value) => `${value.toFixed(value < 10 ? 1 : 0)} %`)],
    ["Slow, closed", stats ? count(stats.slow_disconnects_total) : "–"],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value]) => (
        <div key={name} class="card">
          <dt>{name}</dt>
          <dd class="num">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function show(value: number, format: (value: number) => string): string {
  return Number.isFinite(value) ? format(value) : "–";
}

function ChartCard(props: {
  spec: ChartSpec;
  figures: Figures;
  span: number;
  pointer: { current: number | null };
}): JSX.Element {
  const { spec, figures, span, pointer } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const plot = new Plot(canvas.current!);
    const lines = spec.lines.map((line) => ({ ...line, series: figures.series[line.figure] }));
    return everyFrame(() => {
      // A little behind, so that the line reaches the edge and glides instead of jumping.
      const to = Date.now() - 1200;
      plot.draw(lines, {
        from: windowStart(figures.series.connections, to, span),
        to,
        format: spec.format,
        units: spec.units ?? "decimal",
        fromZero: true,
        times: true,
        pointer: pointer.current,
      });
    });
  }, [spec, figures, span]);
  return (
    <section class="chart card">
      <header>
        <h2>{spec.title}</h2>
        {spec.lines.map(({ figure, name, color }) => (
          <span key={figure} class="legend">
            <i style={{ background: `var(${color})` }} />
            {name} <b class="num">{show(figures.last(figure), spec.format)}</b>
          </span>
        ))}
      </header>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${spec.title} over time`}
        onPointerMove={(event) => (pointer.current = event.offsetX)}
        onPointerLeave={() => (pointer.current = null)}
      />
    </section>
  );
}
