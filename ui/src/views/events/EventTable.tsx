import { useMediaQuery } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { type Column, DataTable } from '../../components/DataTable';
import { Safe } from '../../components/Safe';
import { LevelTag, VerdictTag } from '../../components/Tags';
import { stamp } from '../../services/format';
import type { LogTab } from '../../services/queries';
import { entryGroup } from '../../services/trend';
import type { Entry } from '../../services/types';
import { levelRank, recordVerdict, VERDICT_RANK } from '../../services/verdict';
import { entryObject, entrySubject } from './entry';

export const entryKey = (e: Entry) => `${e.kind}:${e.id ?? `${e.reported_timestamp}:${e.name}:${e.message ?? ''}`}`;

interface Props {
  tab: LogTab;
  entries: Entry[];
  onOpen: (entry: Entry) => void;
  selected?: string | null;
  empty: ReactNode;
  footer?: ReactNode;
  maxHeight?: string;
}

/** Records of any log, newest first; the columns follow the kind. */
export function EventTable({ tab, entries, onOpen, selected, empty, footer, maxHeight }: Props) {
  const { t } = useTranslation();
  const narrow = useMediaQuery('(max-width: 1180px)', false, { getInitialValueInEffect: false });
  const system = tab === 'activity' || tab === 'audit';
  const at: Column<Entry> = { key: 'at', head: t('events.time'), width: 144, sort: (e) => e.reported_timestamp, cell: (e) => <span className="num">{stamp(e.reported_timestamp)}</span> };
  const level: Column<Entry> = { key: 'level', head: t('events.level'), width: 104, sort: (e) => levelRank(e.level), cell: (e) => <LevelTag level={e.level} /> };
  const name: Column<Entry> = { key: 'name', head: t('events.name'), width: '20%', sort: (e) => e.name, cell: (e) => <Safe value={e.name} clip /> };
  const security: Column<Entry>[] = [
    at,
    { key: 'verdict', head: t('events.verdict'), width: 108, sort: (e) => VERDICT_RANK[recordVerdict(e) ?? 'allow'], cell: (e) => <VerdictTag verdict={recordVerdict(e)} mechanism={e.mechanism} /> },
    level,
    { ...name, width: 216 },
    { key: 'subject', head: t('events.subject'), width: '10%', sort: entrySubject, cell: (e) => <Safe value={entrySubject(e)} clip /> },
    { key: 'object', head: t('events.object'), cell: (e) => <Safe value={entryObject(e)} clip mono /> },
    { key: 'group', head: t('events.group'), width: '11%', sort: entryGroup, cell: (e) => <Safe value={entryGroup(e)} clip /> },
    { key: 'count', head: t('events.count'), width: 66, right: true, sort: (e) => e.count ?? 1, cell: (e) => e.count || 1 },
  ];
  const activity: Column<Entry>[] = [
    at,
    level,
    name,
    { key: 'subject', head: t(tab === 'audit' ? 'events.subject' : 'events.who'), width: '16%', sort: entrySubject, cell: (e) => <Safe value={entrySubject(e)} clip /> },
    { key: 'object', head: t('events.message'), cell: (e) => <Safe value={entryObject(e)} clip /> },
    { key: 'host', head: t('events.node'), width: '12%', sort: (e) => e.host_name ?? '', cell: (e) => <Safe value={e.host_name} clip /> },
  ];
  return (
    <DataTable label={t(`events.tab_${tab}`)} rows={entries} columns={system ? activity : narrow ? security.filter((c) => c.key !== 'group' && c.key !== 'count') : security} rowKey={entryKey} onOpen={onOpen} selected={selected} empty={empty} footer={footer} maxHeight={maxHeight} minWidth={system || narrow ? 860 : 1080} />
  );
}
