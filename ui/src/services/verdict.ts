// What was done about an act, in one vocabulary whatever the record calls it.
import type { LogRecord, Verdict } from './types';

/** The verdict behind the words of NeuVector's `action` and `policy_action`. */
export function verdictOf(action: string | undefined): Verdict {
  switch ((action ?? '').toLowerCase()) {
    case 'deny':
    case 'block':
    case 'reset':
    case 'killed':
      return 'deny';
    case 'violate':
    case 'alert':
    case 'monitor':
    case 'detect':
      return 'violate';
    case 'learn':
      return 'learn';
    default:
      return 'allow';
  }
}

/** The verdict of a security record; none for system activity. */
export function recordVerdict(record: LogRecord): Verdict | undefined {
  const action = record.action || record.policy_action || record.verdict;
  return action ? verdictOf(action) : undefined;
}

export const VERDICT_RANK: Record<Verdict, number> = { allow: 0, learn: 0, violate: 1, deny: 2 };

/** Levels from quiet to loud; unknown ones rank lowest. */
export const LEVELS = ['Debug', 'Info', 'Notice', 'Warning', 'Error', 'Critical', 'Alert', 'Emergency'];
export const levelRank = (level: string) => LEVELS.findIndex((l) => l.toLowerCase() === level.toLowerCase());
