// Reads. Each key starts with the kind of change that makes it stale (see live.ts).
import { queryOptions } from '@tanstack/react-query';
import { call, type Params, segment } from './http';
import type {
  Conversation, ConversationEntry, Endpoint, Enforcer, Entry, FileProfile, Group, GroupDetail, HistogramBar, Host, LogKind, LogRecord, NetworkRule, Process, ResponseOptions, ResponseRule,
  ProcessProfile, Span, Summary, SystemConfig, User, WhatIf, Workload,
} from './types';

type Lists<K extends string, T> = Record<K, T[] | null | undefined>;
const list = async <T>(path: string, key: string, signal: AbortSignal, params = {}) =>
  (await call<Lists<string, T>>(path, { signal, params }))[key] ?? [];

export const summary = () =>
  queryOptions({ queryKey: ['system', 'summary'], queryFn: async ({ signal }) => (await call<{ summary: Summary }>('/v1/system/summary', { signal })).summary });

export const systemConfig = () =>
  queryOptions({ queryKey: ['system', 'config'], queryFn: async ({ signal }) => (await call<{ config: SystemConfig }>('/v1/system/config', { signal })).config });

export const users = () => queryOptions({ queryKey: ['system', 'user'], queryFn: ({ signal }) => list<User>('/v1/user', 'users', signal) });

export const workloads = () => queryOptions({ queryKey: ['workload', 'list'], queryFn: ({ signal }) => list<Workload>('/v1/workload', 'workloads', signal) });

export const workload = (id: string) =>
  queryOptions({
    queryKey: ['workload', 'one', id],
    queryFn: async ({ signal }) => (await call<{ workload: Workload }>(`/v1/workload/${segment(id)}`, { signal })).workload,
  });

export const workloadProcesses = (id: string) =>
  queryOptions({
    queryKey: ['workload', 'process', id],
    queryFn: ({ signal }) => list<Process>(`/v1/workload/${segment(id)}/process`, 'processes', signal),
    refetchInterval: 5000,
  });

export const groups = () => queryOptions({ queryKey: ['group', 'list'], queryFn: ({ signal }) => list<Group>('/v1/group', 'groups', signal) });

export const group = (name: string) =>
  queryOptions({
    queryKey: ['group', 'one', name],
    queryFn: async ({ signal }) => (await call<{ group: GroupDetail }>(`/v1/group/${segment(name)}`, { signal })).group,
  });

export const processProfile = (name: string) =>
  queryOptions({
    queryKey: ['group', 'profile', name],
    queryFn: async ({ signal }) => (await call<{ process_profile: ProcessProfile }>(`/v1/process_profile/${segment(name)}`, { signal })).process_profile,
  });

export const fileProfile = (name: string) =>
  queryOptions({
    queryKey: ['group', 'file', name],
    queryFn: async ({ signal }) => (await call<{ profile: FileProfile }>(`/v1/file_monitor/${segment(name)}`, { signal })).profile,
  });

export const rules = () => queryOptions({ queryKey: ['policy', 'list'], queryFn: ({ signal }) => list<NetworkRule>('/v1/policy/rule', 'rules', signal) });

export const responseRules = () => queryOptions({ queryKey: ['policy', 'response'], queryFn: ({ signal }) => list<ResponseRule>('/v1/response/rule', 'rules', signal) });

/** What the controller's response rules can be made of. */
export const responseOptions = () =>
  queryOptions({
    queryKey: ['policy', 'response', 'options'],
    queryFn: async ({ signal }) => (await call<{ response_rule_options: ResponseOptions }>('/v1/response/options', { signal })).response_rule_options,
  });

/** What of all that was recorded of a group a mode would report or deny. Changes nothing. */
export const whatIf = (name: string, mode: string) =>
  queryOptions({
    queryKey: ['group', 'what-if', name, mode],
    queryFn: async ({ signal }) => (await call<{ what_if: WhatIf }>('/v1/whatif', { method: 'POST', body: { config: { group: name, mode } }, signal })).what_if,
  });

type WireEnd = string | { id: string };
type WireConversation = Omit<Conversation, 'from' | 'to'> & { from: WireEnd; to: WireEnd };

/** Ends as ids, also from the long form of the answer, which has the whole end in its place. */
export function plainEnds({ from, to, ...rest }: WireConversation): Conversation {
  const id = (end: WireEnd) => (typeof end === 'string' ? end : end.id);
  return { ...rest, from: id(from), to: id(to) };
}

export const conversations = () =>
  queryOptions({
    queryKey: ['conversation', 'list'],
    queryFn: async ({ signal }) => {
      const body = await call<{ conversations: WireConversation[] | null; endpoints: Endpoint[] | null }>('/v1/conversation', { signal });
      return { conversations: (body.conversations ?? []).map(plainEnds), endpoints: body.endpoints ?? [] };
    },
  });

export const conversationEntries = (from: string, to: string) =>
  queryOptions({
    queryKey: ['conversation', 'one', from, to],
    queryFn: async ({ signal }) =>
      (await call<{ conversation: { entries: ConversationEntry[] | null } }>(`/v1/conversation/${segment(from)}/${segment(to)}`, { signal })).conversation.entries ?? [],
  });

export const hosts = () => queryOptions({ queryKey: ['node', 'host'], queryFn: ({ signal }) => list<Host>('/v1/host', 'hosts', signal) });
export const enforcers = () => queryOptions({ queryKey: ['node', 'enforcer'], queryFn: ({ signal }) => list<Enforcer>('/v1/enforcer', 'enforcers', signal) });
export const enforcerStats = (id: string) =>
  queryOptions({
    queryKey: ['node', 'stats', id],
    queryFn: async ({ signal }) => (await call<{ stats: { span_1?: Span } }>(`/v1/enforcer/${segment(id)}/stats`, { signal })).stats.span_1 ?? {},
  });

export type LogTab = 'security' | 'incident' | 'violation' | 'threat' | 'audit' | 'activity';

const ENVELOPE: Record<Exclude<LogTab, 'security'>, [string, LogKind]> = {
  incident: ['incidents', 'incident'],
  violation: ['violations', 'violation'],
  threat: ['threats', 'threat'],
  audit: ['audits', 'audit'],
  activity: ['events', 'event'],
};

const newestFirst = (a: Entry, b: Entry) => b.reported_timestamp - a.reported_timestamp;

/** One page of a log, newest first. `start` counts records already held. */
export async function logPage(tab: LogTab, params: Params, signal: AbortSignal): Promise<Entry[]> {
  const query = { s_reported_timestamp: 'desc', ...params };
  const body = await call<Record<string, LogRecord[] | null>>(`/v1/log/${tab}`, { signal, params: query });
  const of = (key: string, kind: LogKind) => (body[key] ?? []).map((record): Entry => ({ ...record, kind }));
  if (tab !== 'security') return of(...ENVELOPE[tab]).sort(newestFirst);
  return [...of('incidents', 'incident'), ...of('violations', 'violation'), ...of('threats', 'threat')].sort(newestFirst);
}

export interface DayBar {
  at: number;
  deny: number;
  violate: number;
  all: number;
}

/** Security records by the hour since `from`, counted by the controller: any number of them. */
export async function hours(from: number, signal: AbortSignal): Promise<DayBar[]> {
  const ask = (verdict?: string) =>
    call<{ bars: HistogramBar[] | null }>('/v1/log/histogram', { signal, params: { bucket: 3600, f_reported_timestamp: `gte,${from}`, f_verdict: verdict ? `eq,${verdict}` : undefined } });
  const [all, deny, violate] = await Promise.all([ask(), ask('deny'), ask('violate')]);
  const byHour = new Map<number, DayBar>();
  const add = (key: 'all' | 'deny' | 'violate', bars: HistogramBar[]) => {
    for (const bar of bars) {
      const at = Math.floor(bar.timestamp / 3600) * 3600;
      const hour = byHour.get(at) ?? { at, deny: 0, violate: 0, all: 0 };
      hour[key] += bar.count;
      byHour.set(at, hour);
    }
  };
  add('all', all.bars ?? []);
  add('deny', deny.bars ?? []);
  add('violate', violate.bars ?? []);
  return [...byHour.values()];
}

/** The newest records of a log, for lists inside other pages. */
export const recent = (tab: LogTab, limit: number, params: Params = {}) =>
  queryOptions({ queryKey: ['log', 'recent', tab, limit, params], queryFn: ({ signal }) => logPage(tab, { limit, start: 0, ...params }, signal) });
