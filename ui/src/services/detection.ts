// Detection rules: reads, and the order of priorities.
import { queryOptions } from '@tanstack/react-query';
import { call, segment } from './http';
import type { DetectionRule, DetectionRuleDetail } from './types';

/** The worst first. */
export const PRIORITIES = ['Emergency', 'Alert', 'Critical', 'Error', 'Warning', 'Notice', 'Informational', 'Debug'] as const;
export const RULE_STATES = ['live', 'silent', 'off'] as const;

export const priorityRank = (priority: string): number => {
  const at = PRIORITIES.findIndex((p) => p.toLowerCase() === priority.toLowerCase());
  return at < 0 ? PRIORITIES.length : at;
};

/** The page of a technique of MITRE ATT&CK; nothing for a tag that is none. */
export const techniqueLink = (tag: string): string | undefined =>
  /^T\d{4}(\.\d{3})?$/.test(tag) ? `https://attack.mitre.org/techniques/${tag.replace('.', '/')}/` : undefined;

/** The page of a rule, as an address of the console. */
export const ruleLink = (name: string): string => `/detection?open=${encodeURIComponent(name)}`;

/** The name of the records that a match leaves. */
export const MATCHED = 'Detection.Rule.Matched';

export const detectionRules = () =>
  queryOptions({
    queryKey: ['node', 'detection'],
    queryFn: async ({ signal }) => (await call<{ rules?: DetectionRule[] | null }>('/v1/detection/rule', { signal })).rules ?? [],
    refetchInterval: 15_000,
  });

export const detectionRule = (name: string) =>
  queryOptions({
    queryKey: ['log', 'detection', name],
    queryFn: async ({ signal }) => (await call<{ rule: DetectionRuleDetail }>(`/v1/detection/rule/${segment(name)}`, { signal })).rule,
  });
