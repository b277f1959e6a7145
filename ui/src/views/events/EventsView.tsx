import { Button, Menu, Tabs } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconDownload, IconShieldCheck } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { Choice, distinct, SearchBox } from '../../components/Filters';
import { Page } from '../../components/Page';
import { Empty, Failed, LoadingRows } from '../../components/States';
import { download, eventsCsv } from '../../services/export';
import { count } from '../../services/format';
import { head, history, type LogFilter, MAX_HELD, mergePages, record, unique } from '../../services/history';
import { useParam } from '../../services/params';
import type { LogTab } from '../../services/queries';
import { entryGroup } from '../../services/trend';
import type { Entry } from '../../services/types';
import { entrySubject } from './entry';
import { EventDrawer } from './EventDrawer';
import { entryKey, EventTable } from './EventTable';

const TABS: LogTab[] = ['security', 'incident', 'violation', 'threat', 'audit', 'activity'];
const SPANS: Record<string, number> = { '15m': 900, '1h': 3600, '24h': 86_400, '7d': 604_800, '30d': 2_592_000 };
/** Rows that fill a screen: with fewer, older records are fetched without being asked for. */
const ENOUGH = 40;

export default function EventsView() {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const asked = params.get('tab') === 'event' ? 'activity' : params.get('tab');
  const tab = TABS.find((x) => x === asked) ?? 'security';
  return (
    <Page fill title={t('events.title')}>
      <Tabs value={tab} onChange={(next) => setParams(next && next !== 'security' ? { tab: next } : {}, { replace: true })}>
        <Tabs.List>
          {TABS.map((x) => <Tabs.Tab key={x} value={x}>{t(`events.tab_${x}`)}</Tabs.Tab>)}
        </Tabs.List>
      </Tabs>
      <Log key={tab} tab={tab} />
    </Page>
  );
}

/** The controller filters all but the name of an end, which each kind has somewhere else. */
const isOf = (e: Entry, workload: string) => !workload || [entrySubject(e), e.server_name, e.server_workload_name, e.workload_name].includes(workload);

/** The records of a tab: those since it was opened, and as far back as it was read. */
function useRecords(tab: LogTab, { since, ...given }: Omit<LogFilter, 'from'> & { since: string }) {
  const [anchor] = useState(() => Math.floor(Date.now() / 1000));
  const filter = { ...given, from: since ? anchor - (SPANS[since] ?? 0) : 0 };
  const past = useInfiniteQuery(history(tab, anchor, filter));
  const fresh = useQuery(head(tab, anchor, filter));
  const merged = useMemo(() => mergePages(past.data?.pages ?? []), [past.data]);
  const entries = useMemo(() => unique([...(fresh.data ?? []), ...merged.entries]), [fresh.data, merged]);
  const more = past.hasNextPage && entries.length < MAX_HELD;
  return { entries, more, past };
}

function Log({ tab }: { tab: LogTab }) {
  const { t } = useTranslation();
  const [text, setText] = useParam('q');
  const [least, setLeast] = useParam('level');
  const [since, setSince] = useParam('since');
  const [verdict, setVerdict] = useParam('verdict');
  const [group, setGroup] = useParam('group');
  const [workload, setWorkload] = useParam('workload');
  const [id, setId] = useParam('id');
  const [asked] = useDebouncedValue(text, 250);
  const { entries, more, past } = useRecords(tab, { text: asked, level: least, since, verdict, group });
  const rows = useMemo(() => entries.filter((e) => isOf(e, workload)), [entries, workload]);
  const { fetchNextPage, isFetching } = past;
  useEffect(() => {
    if (more && !isFetching && rows.length < ENOUGH) void fetchNextPage();
  }, [more, isFetching, rows.length, fetchNextPage]);
  const held = useMemo(() => entries.find((e) => id && e.id === id), [entries, id]);
  const looked = useQuery({ ...record(tab, id), enabled: Boolean(id) && !held && !past.isPending }).data;
  const open = id ? (held ?? looked ?? null) : null;
  const security = tab !== 'activity' && tab !== 'audit';
  const filtered = Boolean(text || least || since || verdict || group || workload);

  return (
    <>
      <div className="toolbar">
        <SearchBox value={text} onChange={setText} placeholder={t('events.search')} width={240} />
        <Choice label={t('events.since')} value={since || null} options={Object.keys(SPANS).map((value) => ({ value, label: t(`events.since_${value}`) }))} onChange={setSince} width={124} />
        <Choice label={t('events.level')} value={least || null} options={['Notice', 'Warning', 'Error', 'Critical'].map((value) => ({ value, label: t('events.andAbove', { level: value }) }))} onChange={setLeast} width={124} />
        {security ? <Choice label={t('events.verdict')} value={verdict || null} options={['deny', 'violate'].map((value) => ({ value, label: t(`verdict.${value}`) }))} onChange={setVerdict} width={108} /> : null}
        {security ? <Choice label={t('events.group')} value={group || null} options={distinct([...entries.map(entryGroup), group])} onChange={setGroup} width={150} /> : null}
        <Choice label={t(tab === 'activity' ? 'events.who' : 'events.subject')} value={workload || null} options={distinct([...entries.map(entrySubject), workload])} onChange={setWorkload} width={130} />
        <span className="dim num" role="status" style={{ fontSize: 12.5 }}>{t('events.shown', { shown: count(rows.length), count: entries.length, n: count(entries.length) })}</span>
        <Export rows={rows} tab={tab} />
      </div>
      {past.isError && entries.length === 0 ? <Failed error={past.error} retry={() => void past.refetch()} /> : past.isPending ? <LoadingRows rows={14} /> : (
        <EventTable
          tab={tab}
          entries={rows}
          selected={open ? entryKey(open) : null}
          onOpen={(e) => setId(e.id ?? null)}
          empty={<Nothing tab={tab} filtered={filtered} searching={isFetching} />}
          footer={
            more ? (
              <div style={{ padding: 10, textAlign: 'center' }}>
                <Button variant="subtle" loading={past.isFetchingNextPage} onClick={() => void fetchNextPage()}>{t('events.older')}</Button>
              </div>
            ) : entries.length >= MAX_HELD ? <div className="dim" style={{ padding: 10, textAlign: 'center' }}>{t('events.tooMany', { count: MAX_HELD })}</div> : null
          }
        />
      )}
      <EventDrawer entry={open} onClose={() => setId(null)} />
    </>
  );
}

function Nothing({ tab, filtered, searching }: { tab: LogTab; filtered: boolean; searching: boolean }) {
  const { t } = useTranslation();
  const [, setParams] = useSearchParams();
  if (searching) return <LoadingRows rows={8} />;
  if (filtered) return <Empty title={t('common.noMatch')} action={<Button variant="default" onClick={() => setParams(tab === 'security' ? {} : { tab })}>{t('common.clearFilters')}</Button>} />;
  return <Empty title={t('events.emptyTitle')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />}>{t(`events.empty_${tab}`)}</Empty>;
}

function Export({ rows, tab }: { rows: Entry[]; tab: LogTab }) {
  const { t } = useTranslation();
  const name = `rampart-${tab}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button ml="auto" variant="default" leftSection={<IconDownload size={14} />} disabled={rows.length === 0}>{t('events.export')}</Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('events.exportNote', { count: rows.length })}</Menu.Label>
        <Menu.Item onClick={() => download(`${name}.csv`, 'text/csv', eventsCsv(rows))}>CSV</Menu.Item>
        <Menu.Item onClick={() => download(`${name}.json`, 'application/json', JSON.stringify(rows, null, 2))}>JSON</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
