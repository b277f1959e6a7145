// What a node's counters mean. Pure.
import { bytes, count, milliseconds } from '../../services/format';
import type { Counters, Enforcer } from '../../services/types';

/** Counters that should be zero: each is something that was not seen, not kept or not stopped. */
export const LOSSES = ['events_dropped', 'critical_dropped', 'failed_open', 'processes_untracked'] as const;

/** In the order they are shown. */
export const COUNTERS = [
  'events_received', 'events_dropped', 'critical_dropped', 'spooled', 'execs_judged', 'execs_denied', 'killed_at_exec', 'files_judged', 'files_denied', 'acts_denied', 'connects_denied', 'packets_dropped', 'failed_open',
] as const;

/** Most an enforcer may name; what a node says never grows the page without bound. */
const MAX_COUNTERS = 64;

/** Names to show: the usual ones, there or not, then whatever else the enforcer counts. */
export function counterNames(counters: Counters | null | undefined): string[] {
  const usual = new Set<string>(COUNTERS);
  const others = Object.keys(counters ?? {}).filter((name) => !usual.has(name)).sort((a, b) => a.localeCompare(b, 'en'));
  return [...COUNTERS, ...others].slice(0, MAX_COUNTERS);
}

const UNIT = /_(us|ms|bytes)$/;

/** A name nobody has given words yet, as words: `ring_full_bytes` is `Ring full`. */
export function counterWords(name: string): string {
  const words = name.replace(UNIT, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A value in the unit its name ends with. A time of 0 was not measured. */
export function counterValue(name: string, value: number | undefined): string {
  const unit = UNIT.exec(name)?.[1];
  if (unit === 'us' || unit === 'ms') return value ? milliseconds(unit === 'us' ? value / 1000 : value) : '–';
  return unit === 'bytes' ? bytes(value) : count(value);
}

export function nodeNumbers(counters: Counters | null | undefined) {
  const at = (key: string) => counters?.[key] ?? 0;
  return {
    lost: LOSSES.reduce((sum, key) => sum + at(key), 0),
    denied: at('execs_denied') + at('files_denied') + at('acts_denied') + at('connects_denied') + at('killed_at_exec'),
    seen: at('events_received'),
  };
}

export const losses = (list: Enforcer[]) => list.reduce((sum, e) => sum + nodeNumbers(e.counters).lost, 0);
