import { Button, Chip, SegmentedControl, Select, Switch } from '@mantine/core';
import { IconTopologyStar3 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { Choice, distinct, SearchBox } from '../../components/Filters';
import { Page } from '../../components/Page';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { buildMap, type GroupBy, type MapData } from '../../services/graph';
import { useParam } from '../../services/params';
import { conversations } from '../../services/queries';
import type { Conversation, Endpoint, Verdict } from '../../services/types';
import { ConversationTable } from './ConversationTable';
import { Detail, type Selection } from './Detail';

const MapCanvas = lazy(() => import('./MapCanvas'));

export default function NetworkView() {
  const { t } = useTranslation();
  const query = useQuery(conversations());
  return (
    <Page fill title={t('network.title')} note={query.data ? t('network.note', { count: query.data.conversations.length }) : ''}>
      <Gate query={query} loading={<LoadingRows rows={12} />}>
        {(data) =>
          data.conversations.length === 0 ? (
            <Empty title={t('network.emptyTitle')} icon={<IconTopologyStar3 size={30} stroke={1.4} aria-hidden />}>{t('network.emptyText')}</Empty>
          ) : (
            <Explorer all={data.conversations} endpoints={data.endpoints} />
          )
        }
      </Gate>
    </Page>
  );
}

const VERDICTS: Verdict[] = ['allow', 'violate', 'deny'];

function useMap(all: Conversation[], endpoints: Endpoint[]) {
  const [text, setText] = useParam('q');
  const [verdict, setVerdict] = useParam('verdict', VERDICTS.join('.'));
  const [domain, setDomain] = useParam('domain');
  const [group, setGroup] = useParam('group');
  const [by, setBy] = useParam('by', 'domain');
  const [each, setEach] = useParam('each');
  const verdicts = useMemo(() => VERDICTS.filter((v) => verdict.split('.').includes(v)), [verdict]);
  const groupBy: GroupBy = by === 'group' || by === 'none' ? by : 'domain';
  const collapse = each !== '1';
  const data = useMemo(
    () => buildMap(all, endpoints, { text, verdicts, domain: domain || null, group: group || null, groupBy: collapse && groupBy === 'group' ? 'domain' : groupBy, collapse }),
    [all, endpoints, text, verdicts, domain, group, groupBy, collapse],
  );
  return { data, text, setText, verdicts, setVerdict, domain, setDomain, group, setGroup, groupBy, setBy, collapse, setEach };
}

function Explorer({ all, endpoints }: { all: Conversation[]; endpoints: Endpoint[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const map = useMap(all, endpoints);
  const [view, setView] = useParam('view', 'map');
  const [selected, setSelected] = useState<Selection | null>(null);
  const current = stillThere(selected, map.data);
  return (
    <>
      <div className="toolbar">
        <SegmentedControl value={view} onChange={setView} aria-label={t('network.view')} data={[{ value: 'map', label: t('network.map') }, { value: 'list', label: t('network.list') }]} />
        <SearchBox value={map.text} onChange={map.setText} placeholder={t('network.search')} width={210} />
        <Choice label={t('containers.domain')} value={map.domain || null} options={distinct(endpoints.map((e) => e.domain))} onChange={map.setDomain} width={124} />
        <Choice label={t('containers.group')} value={map.group || null} options={distinct(endpoints.map((e) => e.service_group))} onChange={map.setGroup} width={140} />
        <Chip.Group multiple value={map.verdicts} onChange={(list) => map.setVerdict(list.join('.') || 'none')}>
          <div className="toolbar" role="group" aria-label={t('network.verdict')}>
            {VERDICTS.map((v) => <Chip key={v} size="xs" radius="sm" value={v} variant="light" color={{ allow: 'teal', violate: 'orange', deny: 'pink' }[v as 'allow']}>{t(`verdict.${v}`)}</Chip>)}
          </div>
        </Chip.Group>
        <Switch size="xs" label={t('network.each')} checked={!map.collapse} onChange={(e) => map.setEach(e.currentTarget.checked ? '1' : null)} />
        <Select w={132} ml="auto" value={map.groupBy} onChange={map.setBy} allowDeselect={false} aria-label={t('network.groupBy')} data={(['domain', 'group', 'none'] as const).map((value) => ({ value, label: t(`network.by_${value}`), disabled: value === 'group' && map.collapse }))} />
      </div>
      <div className="card" style={{ flex: 1, minHeight: 0, display: 'flex', overflow: 'hidden' }}>
        {map.data.edges.length === 0 ? (
          <div style={{ flex: 1 }}>
            <Empty title={t('common.noMatch')} action={<Button variant="default" onClick={() => void navigate('/network')}>{t('common.clearFilters')}</Button>} />
          </div>
        ) : view === 'list' ? (
          <div className="flat" style={{ flex: 1, minWidth: 0, display: 'grid' }}>
            <ConversationTable data={map.data} onOpen={(edge) => setSelected({ kind: 'edge', id: edge.id })} selected={current?.id ?? null} />
          </div>
        ) : (
          <Suspense fallback={<LoadingRows rows={8} />}>
            <MapCanvas data={map.data} selected={current} onSelect={setSelected} />
          </Suspense>
        )}
        {current ? <Detail data={map.data} selection={current} onSelect={setSelected} /> : null}
      </div>
    </>
  );
}

function stillThere(selection: Selection | null, data: MapData): Selection | null {
  if (!selection) return null;
  const list: { id: string }[] = selection.kind === 'edge' ? data.edges : data.nodes;
  return list.some((x) => x.id === selection.id) ? selection : null;
}
