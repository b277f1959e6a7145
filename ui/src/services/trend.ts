// What the dashboard counts. Pure.
import type { Bar } from '../components/Charts';
import type { Entry, Verdict } from './types';
import { recordVerdict } from './verdict';

/** Records read for the day's chart; the chart says when there were more. */
export const TREND_LIMIT = 2000;

const bucket = (e: Entry): 'deny' | 'violate' | 'other' => {
  const verdict = recordVerdict(e);
  return verdict === 'deny' || verdict === 'violate' ? verdict : 'other';
};

/** 24 bars, one for each hour of the clock, the current one last. */
export function hourBars(entries: Entry[], now: number): Bar[] {
  const last = Math.floor(now / 3600);
  const bars = Array.from({ length: 24 }, (_, i): Bar => {
    const at = new Date((last - 23 + i) * 3_600_000);
    const hour = `${String(at.getHours()).padStart(2, '0')}:00`;
    return { label: hour, title: `${at.toLocaleDateString('en-GB', { day: '2-digit', month: 'short' })} ${hour}`, values: { deny: 0, violate: 0, other: 0 } };
  });
  for (const e of entries) {
    const bar = bars[Math.floor(e.reported_timestamp / 3600) - last + 23];
    if (!bar) continue;
    const key = bucket(e);
    bar.values[key] = (bar.values[key] ?? 0) + (e.count || 1);
  }
  return bars;
}

export function verdictTotals(entries: Entry[]): Record<Verdict, number> {
  const totals: Record<Verdict, number> = { allow: 0, learn: 0, violate: 0, deny: 0 };
  for (const e of entries) totals[recordVerdict(e) ?? 'allow'] += e.count || 1;
  return totals;
}

/** The group a record is about. */
export const entryGroup = (e: Entry): string => e.group || e.client_group || (e.workload_service ? `nv.${e.workload_service}` : e.client_service ? `nv.${String(e.client_service)}` : '');

export function topGroups(entries: Entry[], limit: number): { group: string; deny: number; total: number }[] {
  const rows = new Map<string, { group: string; deny: number; total: number }>();
  for (const e of entries) {
    const group = entryGroup(e);
    if (!group) continue;
    const row = rows.get(group) ?? { group, deny: 0, total: 0 };
    row.total += e.count || 1;
    if (recordVerdict(e) === 'deny') row.deny += e.count || 1;
    rows.set(group, row);
  }
  return [...rows.values()].sort((a, b) => b.total - a.total).slice(0, limit);
}

/** How many are in each mode. */
export function modeShares<K extends string>(list: Partial<Record<K, string>>[], key: K): Record<string, number> {
  const shares: Record<string, number> = {};
  for (const item of list) {
    const mode = item[key];
    if (mode) shares[mode] = (shares[mode] ?? 0) + 1;
  }
  return shares;
}
