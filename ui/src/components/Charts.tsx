// Small charts in plain SVG: lighter than any chart library, and they follow the colour scheme.
import { Tooltip } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import { count } from '../services/format';

export interface Series {
  key: string;
  label: string;
  color: string;
}

export interface Bar {
  label: string;
  /** Longer label for the tooltip. */
  title: string;
  values: Record<string, number>;
}

/** A round even number at or above the largest value, for the axis. */
export function ceiling(value: number): number {
  if (value <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 6, 8, 10].map((m) => m * power).find((m) => m >= value) ?? 10 * power;
}

/** Stacked bars over time. */
export function StackedBars({ bars, series, height = 190, label }: { bars: Bar[]; series: Series[]; height?: number; label: string }) {
  const { ref, width } = useElementSize();
  const { t } = useTranslation();
  const left = 34;
  const bottom = 20;
  const inner = Math.max(0, width - left);
  const plot = height - bottom - 6;
  const total = (bar: Bar) => series.reduce((sum, s) => sum + (bar.values[s.key] ?? 0), 0);
  const top = ceiling(Math.max(0, ...bars.map(total)));
  const step = bars.length ? inner / bars.length : 0;
  const every = Math.max(1, Math.ceil(bars.length / Math.max(1, Math.floor(inner / 62))));
  return (
    <div ref={ref}>
      <svg className="bars" height={height} role="img" aria-label={label}>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line className="axis" x1={left} x2={width} y1={6 + plot * (1 - part)} y2={6 + plot * (1 - part)} />
            <text x={left - 7} y={10 + plot * (1 - part)} textAnchor="end">
              {count(top * part)}
            </text>
          </g>
        ))}
        {bars.map((bar, i) => {
          let y = 6 + plot;
          const lines = series.filter((s) => bar.values[s.key]).map((s) => `${s.label}: ${count(bar.values[s.key])}`);
          return (
            <Tooltip key={bar.title} label={<><div>{bar.title}</div>{lines.length ? lines.map((l) => <div key={l}>{l}</div>) : t('common.none')}</>}>
              <g className="bar">
                <rect className="hit" x={left + i * step} y={6} width={step} height={plot} fill="transparent" />
                {series.map((s) => {
                  const h = ((bar.values[s.key] ?? 0) / top) * plot;
                  y -= h;
                  return h > 0 ? <rect key={s.key} x={left + i * step + step * 0.16} y={y} width={step * 0.68} height={Math.max(1, h - 0.75)} rx={1.5} fill={s.color} /> : null;
                })}
                {i % every === 0 ? (
                  <text x={left + i * step + step / 2} y={height - 4} textAnchor="middle">
                    {bar.label}
                  </text>
                ) : null}
              </g>
            </Tooltip>
          );
        })}
      </svg>
    </div>
  );
}

export const Legend = ({ series }: { series: Series[] }) => (
  <div className="legend">
    {series.map((s) => (
      <span key={s.key}>
        <span className="swatch" style={{ background: s.color }} aria-hidden />
        {s.label}
      </span>
    ))}
  </div>
);

/** Shares of one whole. */
export function SplitBar({ parts, label }: { parts: (Series & { value: number })[]; label: string }) {
  const total = parts.reduce((sum, p) => sum + p.value, 0);
  const text = parts.map((p) => `${p.label} ${p.value}`).join(', ');
  return (
    <div className="split" role="img" aria-label={`${label}: ${text}`}>
      {parts.filter((p) => p.value > 0).map((p) => (
        <Tooltip key={p.key} label={`${p.label}: ${count(p.value)}`}>
          <span style={{ background: p.color, width: `${(100 * p.value) / Math.max(1, total)}%` }} />
        </Tooltip>
      ))}
    </div>
  );
}
