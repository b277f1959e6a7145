import { Button } from '@mantine/core';
import { IconRadar2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, distinct, SearchBox } from '../../components/Filters';
import { Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { LevelTag, RuleStateTag } from '../../components/Tags';
import { detectionRules, PRIORITIES, priorityRank, RULE_STATES } from '../../services/detection';
import { age, count } from '../../services/format';
import { useParam } from '../../services/params';
import { matches } from '../../services/text';
import type { DetectionRule } from '../../services/types';
import { RuleDrawer } from './RuleDrawer';

/** The rules that enforcers have loaded: what they look for, whether they can, what they found. */
export default function DetectionView() {
  const { t } = useTranslation();
  const query = useQuery(detectionRules());
  const live = (query.data ?? []).filter((r) => r.state === 'live').length;
  return (
    <Page fill title={t('detection.title')} note={query.data?.length ? t('detection.note', { live, count: query.data.length }) : ''}>
      <Gate query={query} loading={<LoadingRows rows={12} />}>{(all) => <Rules all={all} />}</Gate>
    </Page>
  );
}

const STATE_RANK: Record<string, number> = { live: 0, silent: 1, off: 2 };

function Rules({ all }: { all: DetectionRule[] }) {
  const { t } = useTranslation();
  const [text, setText] = useParam('q');
  const [priority, setPriority] = useParam('priority');
  const [state, setState] = useParam('state');
  const [technique, setTechnique] = useParam('technique');
  const [open, setOpen] = useParam('open');
  const [, setParams] = useSearchParams();
  const columns = useColumns();
  const needle = text.trim().toLowerCase();
  const rows = all.filter(
    (r) =>
      (!priority || r.priority === priority) &&
      (!state || r.state === state) &&
      (!technique || (r.techniques ?? []).includes(technique)) &&
      matches(needle, r.name, r.file ?? '', ...(r.tags ?? [])),
  );
  const none = <Empty title={t('detection.emptyTitle')} icon={<IconRadar2 size={30} stroke={1.4} aria-hidden />}>{t('detection.emptyText')}</Empty>;
  const filtered = <Empty title={t('common.noMatch')} action={<Button variant="default" onClick={() => setParams({})}>{t('common.clearFilters')}</Button>} />;
  return (
    <>
      <div className="toolbar" style={{ margin: '2px 0 10px' }}>
        <SearchBox value={text} onChange={setText} placeholder={t('detection.search')} width={280} />
        <Choice label={t('detection.priority')} value={priority || null} options={[...PRIORITIES]} onChange={setPriority} width={140} />
        <Choice label={t('detection.state')} value={state || null} options={RULE_STATES.map((value) => ({ value, label: t(`detection.state_${value}`) }))} onChange={setState} width={130} />
        <Choice label={t('detection.technique')} value={technique || null} options={distinct(all.flatMap((r) => r.techniques ?? []))} onChange={setTechnique} width={150} />
        <span className="dim" style={{ marginLeft: 'auto' }}>{t('scan.shown', { shown: rows.length, count: all.length })}</span>
      </div>
      <DataTable
        label={t('detection.title')}
        rows={rows}
        columns={columns}
        rowKey={(r) => r.name}
        onOpen={(r) => setOpen(r.name)}
        selected={open || null}
        isOff={(r) => r.state === 'off'}
        initialSort={{ key: 'hits', desc: true }}
        maxHeight="calc(100dvh - 170px)"
        minWidth={940}
        empty={all.length ? filtered : none}
      />
      <RuleDrawer name={open} onClose={() => setOpen(null)} />
    </>
  );
}

function useColumns(): Column<DetectionRule>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      { key: 'name', head: t('detection.rule'), width: '31%', sort: (r) => r.name, cell: (r) => <span style={{ fontWeight: 550 }}><Safe value={r.name} clip /></span> },
      { key: 'priority', head: t('detection.priority'), width: 124, sort: (r) => priorityRank(r.priority), cell: (r) => <LevelTag level={r.priority} /> },
      { key: 'state', head: t('detection.state'), width: 92, sort: (r) => STATE_RANK[r.state] ?? 3, cell: (r) => <RuleStateTag state={r.state} reason={r.reason} /> },
      { key: 'technique', head: t('detection.technique'), width: '15%', sort: (r) => (r.techniques ?? []).join(' '), cell: (r) => <Safe value={(r.techniques ?? []).join(', ')} clip mono empty="–" /> },
      { key: 'events', spare: true, head: t('detection.events'), width: '14%', cell: (r) => <Safe value={(r.events ?? []).join(', ')} clip mono /> },
      { key: 'hits', head: t('detection.hits'), width: 76, right: true, sort: (r) => (r.hits ?? 0) * 1e6 + (r.incidents ?? 0), cell: (r) => <span className="num">{count(r.hits)}</span> },
      { key: 'incidents', head: t('detection.incidents'), width: 92, right: true, sort: (r) => r.incidents ?? 0, cell: (r) => <span className="num">{count(r.incidents)}</span> },
      { key: 'last', head: t('detection.last'), width: 96, right: true, sort: (r) => r.last_seen_timestamp ?? 0, cell: (r) => <span className="num">{r.last_seen_timestamp ? age(r.last_seen_timestamp) : '–'}</span> },
    ],
    [t],
  );
}
