// Logs read back page by page, from several kinds at once, without showing gaps. Pure parts first.
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { Params } from './http';
import { type LogTab, logPage } from './queries';
import type { Entry } from './types';
import { LEVELS } from './verdict';

export const PAGE = 300;
/** Most records held at once; filters that need more must be narrowed by time. */
export const MAX_HELD = 6000;

type Source = Exclude<LogTab, 'security'>;
export const sourcesOf = (tab: LogTab): Source[] => (tab === 'security' ? ['incident', 'violation', 'threat'] : [tab]);

export interface HistoryPage {
  /** What each source gave; fewer than a page means that it has no more. */
  parts: { source: Source; entries: Entry[] }[];
}

/** Records of all pages, newest first, down to where every source has been read. Below that line a
 * source that was read less far could still have records, so nothing is shown there yet. */
export function mergePages(pages: HistoryPage[], size = PAGE): { entries: Entry[]; more: boolean } {
  const held = new Map<Source, { entries: Entry[]; more: boolean }>();
  for (const page of pages) {
    for (const { source, entries } of page.parts) {
      const old = held.get(source)?.entries ?? [];
      held.set(source, { entries: [...old, ...entries], more: entries.length >= size });
    }
  }
  const open = [...held.values()].filter((h) => h.more);
  const line = Math.max(0, ...open.map((h) => h.entries.at(-1)?.reported_timestamp ?? 0));
  const all = [...held.values()].flatMap((h) => h.entries).filter((e) => e.reported_timestamp >= line);
  return { entries: unique(all), more: open.length > 0 };
}

/** Newest first, each record once. */
export function unique(entries: Entry[]): Entry[] {
  const seen = new Set<string>();
  return entries
    .filter((e) => {
      if (!e.id) return true;
      const key = `${e.kind}:${e.id}`;
      return !seen.has(key) && seen.add(key);
    })
    .sort((a, b) => b.reported_timestamp - a.reported_timestamp);
}

/** `f_level` for a level and everything louder. */
export function levelFilter(least: string): string | undefined {
  const from = LEVELS.indexOf(least);
  return from > 0 ? `in,${LEVELS.slice(from).join('|')}` : undefined;
}

/** What the controller is asked to leave out. Empty fields ask for everything. */
export interface LogFilter {
  text: string;
  group: string;
  verdict: string;
  /** Least level. */
  level: string;
  /** Seconds since the epoch; 0 is from the beginning. */
  from: number;
}

/** The filter as a source's parameters; threats call their verdict `action`. */
function paramsOf(source: Source, filter: LogFilter, time: string): Params {
  const security = source !== 'activity' && source !== 'audit';
  const verdict = filter.verdict && security ? `eq,${filter.verdict}` : undefined;
  return {
    text: filter.text.trim() || undefined,
    group: (security && filter.group) || undefined,
    f_level: levelFilter(filter.level),
    ...(source === 'threat' ? { f_action: verdict } : { f_verdict: verdict }),
    f_reported_timestamp: filter.from > 0 ? [`gte,${filter.from}`, time] : [time],
  };
}

/** Records up to `anchor`, which never move again, so that pages fit together. */
export const history = (tab: LogTab, anchor: number, filter: LogFilter) =>
  infiniteQueryOptions({
    queryKey: ['history', tab, anchor, filter],
    initialPageParam: 0,
    queryFn: async ({ pageParam, signal }): Promise<HistoryPage> => {
      const page = { start: pageParam, limit: PAGE };
      const parts = await Promise.all(sourcesOf(tab).map(async (source) => ({ source, entries: await logPage(source, { ...page, ...paramsOf(source, filter, `lte,${anchor}`) }, signal) })));
      return { parts };
    },
    getNextPageParam: (last: HistoryPage, all: HistoryPage[]) => (last.parts.some((p) => p.entries.length >= PAGE) ? all.length * PAGE : undefined),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });

/** One record by its id, wherever it is: for links to it, and when a filter has left it out. */
export const record = (tab: LogTab, id: string) =>
  queryOptions({
    queryKey: ['history', 'record', tab, id],
    queryFn: async ({ signal }) => (await Promise.all(sourcesOf(tab).map((source) => logPage(source, { start: 0, limit: 1, f_id: `eq,${id}` }, signal)))).flat()[0] ?? null,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Records after `anchor`: read again whenever the log changes. */
export const head = (tab: LogTab, anchor: number, filter: LogFilter) =>
  queryOptions({
    queryKey: ['log', 'head', tab, anchor, filter],
    queryFn: async ({ signal }) => {
      const page = { start: 0, limit: 1000 };
      return unique((await Promise.all(sourcesOf(tab).map((source) => logPage(source, { ...page, ...paramsOf(source, filter, `gt,${anchor}`) }, signal)))).flat());
    },
  });
