// What the dashboard counts. Pure.
import type { Bar } from '../components/Charts';
import type { DayBar } from './queries';
import type { Entry } from './types';
import { recordVerdict } from './verdict';

/** Newest records read to rank groups. */
export const RANKED = 1000;

/** 24 bars, one for each hour of the clock, the current one last. */
export function hourBars(hours: DayBar[], now: number): Bar[] {
  const last = Math.floor(now / 3600);
  return Array.from({ length: 24 }, (_, i): Bar => {
    const hour = last - 23 + i;
    const at = new Date(hour * 3_600_000);
    const label = `${String(at.getHours()).padStart(2, '0')}:00`;
    const { deny = 0, violate = 0, all = 0 } = hours.find((h) => h.at === hour * 3600) ?? {};
    return { label, title: `${at.toLocaleDateString('en-GB', { day: '2-digit', month: 'short' })} ${label}`, values: { deny, violate, other: Math.max(0, all - deny - violate) } };
  });
}

/** Sums over the day. */
export function dayTotals(hours: DayBar[]): { deny: number; violate: number } {
  return { deny: hours.reduce((sum, h) => sum + h.deny, 0), violate: hours.reduce((sum, h) => sum + h.violate, 0) };
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
