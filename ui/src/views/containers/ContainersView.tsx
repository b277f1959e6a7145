import { Button, Code, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconAlertTriangle, IconBox } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, distinct, SearchBox } from '../../components/Filters';
import { Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { ModeTag, QuarantineTag, StateTag } from '../../components/Tags';
import { age, imageName, seconds } from '../../services/format';
import { useParam } from '../../services/params';
import { givenReason, isQuarantined } from '../../services/quarantine';
import { workloads } from '../../services/queries';
import { matches } from '../../services/text';
import type { Workload } from '../../services/types';

const addresses = (w: Workload) => Object.values(w.interfaces ?? {}).flat().map((a) => a?.ip ?? '');

/** A stopped container that is quarantined counts as both. */
const inState = (w: Workload, state: string) => state === 'all' || (state === 'quarantined' ? isQuarantined(w) : (w.running !== false) === (state === 'running'));

export default function ContainersView() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useQuery(workloads());
  // Where there is no room, what the container's page has as well is left to it.
  const narrow = useMediaQuery('(max-width: 1240px)', false, { getInitialValueInEffect: false });
  const columns = useColumns(narrow);
  const [text, setText] = useParam('q');
  const [domain, setDomain] = useParam('domain');
  const [node, setNode] = useParam('node');
  const [mode, setMode] = useParam('mode');
  const [state, setState] = useParam('state', 'running');
  const all = query.data ?? [];
  const needle = text.trim().toLowerCase();
  const rows = all.filter(
    (w) =>
      (!domain || w.domain === domain) &&
      (!node || w.host_name === node) &&
      (!mode || w.policy_mode === mode || w.profile_mode === mode) &&
      inState(w, state) &&
      matches(needle, w.display_name, w.name, w.image, w.service_group, w.domain, w.id, w.quarantine_reason, ...addresses(w), ...Object.entries(w.labels ?? {}).map(([k, v]) => `${k}=${v}`)),
  );
  const filtered = Boolean(needle || domain || node || mode);
  const clear = () => void navigate('/containers');

  return (
    <Page fill title={t('containers.title')} note={query.data ? t('containers.note', { shown: rows.length, count: all.length }) : ''}>
      <div className="toolbar">
        <SearchBox value={text} onChange={setText} placeholder={t('containers.search')} width={340} />
        <Choice label={t('containers.domain')} value={domain || null} options={distinct(all.map((w) => w.domain))} onChange={setDomain} />
        <Choice label={t('containers.node')} value={node || null} options={distinct(all.map((w) => w.host_name))} onChange={setNode} />
        <Choice label={t('mode.label')} value={mode || null} options={['Discover', 'Monitor', 'Protect']} onChange={setMode} width={120} />
        <Choice label={t('containers.state')} value={state} options={['running', 'quarantined', 'stopped', 'all'].map((value) => ({ value, label: t(`containers.state_${value}`) }))} onChange={(v) => setState(v ?? 'all')} width={120} />
      </div>
      <Gate query={query} loading={<LoadingRows rows={12} />}>
        {() => (
          <DataTable
            label={t('containers.title')}
            rows={rows}
            columns={columns}
            rowKey={(w) => w.id}
            onOpen={(w) => void navigate(`/containers/${encodeURIComponent(w.id)}`)}
            isOff={(w) => w.running === false}
            initialSort={{ key: 'name' }}
            minWidth={narrow ? 720 : 1000}
            empty={
              filtered || all.length > 0 ? (
                <Empty title={t('common.noMatch')} action={<Button variant="default" onClick={clear}>{t('common.clearFilters')}</Button>} />
              ) : (
                <Empty title={t('containers.emptyTitle')} icon={<IconBox size={30} stroke={1.4} aria-hidden />} action={<Code>docker run -d --name web nginx</Code>}>
                  {t('containers.emptyText')}
                </Empty>
              )
            }
          />
        )}
      </Gate>
    </Page>
  );
}

function useColumns(narrow: boolean): Column<Workload>[] {
  const { t } = useTranslation();
  return useMemo(() => {
    const all: Column<Workload>[] = [
      { key: 'name', head: t('containers.name'), width: '19%', sort: (w) => w.display_name || w.name, cell: (w) => <NameCell workload={w} /> },
      { key: 'image', head: t('containers.image'), width: '18%', sort: (w) => imageName(w.image), cell: (w) => <Safe value={imageName(w.image)} clip /> },
      { key: 'group', head: t('containers.group'), width: '20%', sort: (w) => w.service_group, cell: (w) => <Safe value={w.service_group} clip /> },
      { key: 'node', head: t('containers.node'), width: '10%', sort: (w) => w.host_name ?? '', cell: (w) => <Safe value={w.host_name} clip /> },
      { key: 'policy', head: t('mode.network'), width: 112, sort: (w) => w.policy_mode ?? '', cell: (w) => <ModeTag mode={w.policy_mode} /> },
      { key: 'profile', head: t('mode.profile'), width: 132, sort: (w) => w.profile_mode ?? '', cell: (w) => <ModeTag mode={w.profile_mode} /> },
      { key: 'ip', head: t('containers.address'), width: 124, sort: (w) => addresses(w)[0] ?? '', cell: (w) => <Safe value={addresses(w)[0]} mono clip /> },
      { key: 'state', head: t('containers.state'), width: 124, sort: (w) => (isQuarantined(w) ? 0 : w.running === false ? 2 : 1), cell: (w) => (isQuarantined(w) ? <QuarantineTag reason={givenReason(w)} /> : <StateTag running={w.running} exitCode={w.exit_code} />) },
      { key: 'age', head: t('containers.age'), width: 72, right: true, sort: (w) => -seconds(w.started_at), cell: (w) => <span className="num">{age(w.started_at)}</span> },
    ];
    return narrow ? all.filter((c) => !['node', 'ip', 'age'].includes(c.key)) : all;
  }, [t, narrow]);
}

function NameCell({ workload }: { workload: Workload }) {
  const { t } = useTranslation();
  return (
    <span style={{ display: 'flex', gap: 6, alignItems: 'center', minWidth: 0, fontWeight: 550 }}>
      <Safe value={workload.display_name || workload.name || workload.id.slice(0, 12)} clip />
      {workload.privileged ? <Tooltip label={`${t('containers.privileged')}. ${t('containers.privilegedHint')}`}><IconAlertTriangle size={14} color="var(--rp-violate)" style={{ flex: 'none' }} aria-label={t('containers.privileged')} /></Tooltip> : null}
    </span>
  );
}
