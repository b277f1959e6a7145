// What a node's counters mean. Pure.
import type { Counters, Enforcer } from '../../services/types';

/** Counters that should be zero: each is something that was not seen, not kept or not stopped. */
export const LOSSES = ['events_dropped', 'critical_dropped', 'failed_open'] as const;

/** In the order they are shown. */
export const COUNTERS = [
  'events_received', 'events_dropped', 'critical_dropped', 'spooled', 'execs_judged', 'execs_denied', 'killed_at_exec', 'files_judged', 'files_denied', 'connects_denied', 'packets_dropped', 'failed_open',
] as const;

export function nodeNumbers(counters: Counters | null | undefined) {
  const at = (key: string) => counters?.[key] ?? 0;
  return {
    lost: LOSSES.reduce((sum, key) => sum + at(key), 0),
    denied: at('execs_denied') + at('files_denied') + at('connects_denied') + at('killed_at_exec'),
    seen: at('events_received'),
  };
}

export const losses = (list: Enforcer[]) => list.reduce((sum, e) => sum + nodeNumbers(e.counters).lost, 0);
