import { Button, Tabs } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconBug, IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, SearchBox } from '../../components/Filters';
import { Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { SeverityCounts, severityWeight } from '../../components/SeverityCounts';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { FindingMarks, ProgressTag, SeverityTag } from '../../components/Tags';
import { age, count, imageName, percent } from '../../services/format';
import { useParam } from '../../services/params';
import { workloads } from '../../services/queries';
import { severityRank, SEVERITIES, vulnerabilities } from '../../services/scan';
import { matches } from '../../services/text';
import type { VulnerabilityAsset, Workload } from '../../services/types';
import { AcceptedTable } from './AcceptedTable';
import { DatabaseNote } from './DatabaseNote';
import { VulnerabilityDrawer } from './VulnerabilityDrawer';

/** Vulnerabilities across everything: by CVE, by container, and those that were accepted. */
export default function VulnerabilitiesView() {
  const { t } = useTranslation();
  const [tab, setTab] = useParam('by', 'cve');
  const query = useQuery(vulnerabilities());
  return (
    <Page fill title={t('vulnerabilities.title')} note={query.data ? t('vulnerabilities.note', { count: query.data.length }) : ''}>
      <DatabaseNote />
      <Tabs value={tab} onChange={setTab} variant="default" className="fill-tabs">
        <Tabs.List>
          <Tabs.Tab value="cve">{t('vulnerabilities.byCve')}</Tabs.Tab>
          <Tabs.Tab value="workload">{t('vulnerabilities.byWorkload')}</Tabs.Tab>
          <Tabs.Tab value="accepted">{t('vulnerabilities.accepted')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="cve"><Gate query={query} loading={<LoadingRows rows={12} />}>{(all) => <ByCve all={all} />}</Gate></Tabs.Panel>
        <Tabs.Panel value="workload"><ByWorkload /></Tabs.Panel>
        <Tabs.Panel value="accepted"><AcceptedTable /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}

const ONLY: Record<string, (v: VulnerabilityAsset) => boolean> = {
  fixable: (v) => Boolean(v.fixable),
  unfixed: (v) => !v.fixable,
  exploited: (v) => Boolean(v.exploited),
  inUse: (v) => Boolean(v.in_use),
};

function ByCve({ all }: { all: VulnerabilityAsset[] }) {
  const { t } = useTranslation();
  const [text, setText] = useParam('q');
  const [severity, setSeverity] = useParam('severity');
  const [only, setOnly] = useParam('only');
  const [where, setWhere] = useParam('where');
  const [accepted, setAccepted] = useParam('accepted');
  const [open, setOpen] = useParam('open');
  const narrow = useMediaQuery('(max-width: 1240px)', false, { getInitialValueInEffect: false });
  const columns = useCveColumns(narrow);
  const needle = text.trim().toLowerCase();
  const rows = all.filter(
    (v) =>
      (!severity || v.severity === severity) &&
      (!only || ONLY[only]?.(v)) &&
      (!where || Boolean(v[where as 'workload_count' | 'node_count' | 'image_count'])) &&
      (accepted === 'all' || Boolean(v.accepted) === (accepted === 'only')) &&
      matches(needle, v.name, ...Object.keys(v.packages ?? {})),
  );
  return (
    <>
      <div className="toolbar" style={{ margin: '10px 0' }}>
        <SearchBox value={text} onChange={setText} placeholder={t('vulnerabilities.search')} width={280} />
        <Choice label={t('scan.severity')} value={severity || null} options={SEVERITIES.map((value) => ({ value, label: t(`severity.${value.toLowerCase()}`) }))} onChange={setSeverity} width={130} />
        <Choice label={t('scan.only')} value={only || null} options={Object.keys(ONLY).map((value) => ({ value, label: t(`scan.only_${value}`) }))} onChange={setOnly} width={170} />
        <Choice label={t('vulnerabilities.where')} value={where || null} options={['workload_count', 'node_count', 'image_count'].map((value) => ({ value, label: t(`vulnerabilities.in_${value}`) }))} onChange={setWhere} width={160} />
        <Choice label={t('vulnerabilities.open')} value={accepted || null} options={['all', 'only'].map((value) => ({ value, label: t(`vulnerabilities.accepted_${value}`) }))} onChange={setAccepted} width={160} />
        <span className="dim" style={{ marginLeft: 'auto' }}>{t('scan.shown', { shown: rows.length, count: all.length })}</span>
      </div>
      <DataTable
        label={t('vulnerabilities.title')}
        rows={rows}
        columns={columns}
        rowKey={(v) => v.name}
        onOpen={(v) => setOpen(v.name)}
        selected={open || null}
        isOff={(v) => Boolean(v.accepted)}
        initialSort={{ key: 'severity' }}
        maxHeight="calc(100dvh - 235px)"
        minWidth={narrow ? 760 : 980}
        empty={all.length ? <Empty title={t('common.noMatch')} /> : <Empty title={t('vulnerabilities.emptyTitle')} icon={<IconBug size={30} stroke={1.4} aria-hidden />}>{t('vulnerabilities.emptyText')}</Empty>}
      />
      <VulnerabilityDrawer name={open} onClose={() => setOpen(null)} />
    </>
  );
}

function useCveColumns(narrow: boolean): Column<VulnerabilityAsset>[] {
  const { t } = useTranslation();
  return useMemo(() => {
    const all: Column<VulnerabilityAsset>[] = [
      { key: 'name', head: t('scan.vulnerability'), width: 176, sort: (v) => v.name, cell: (v) => <span style={{ fontWeight: 550 }}><Safe value={v.name} clip /></span> },
      { key: 'severity', head: t('scan.severity'), width: 110, sort: (v) => severityRank(v.severity) * 100 - (v.exploited ? 50 : 0) - (v.score_v3 ?? 0), cell: (v) => <SeverityTag severity={v.severity} /> },
      { key: 'score', spare: true, head: t('scan.score'), width: 62, right: true, sort: (v) => v.score_v3 || v.score || 0, cell: (v) => <span className="num">{v.score_v3 || v.score || '–'}</span> },
      { key: 'epss', head: t('scan.epssShort'), width: 72, right: true, sort: (v) => v.epss ?? 0, cell: (v) => <span className="num">{v.epss ? percent(v.epss) : '–'}</span> },
      { key: 'package', head: t('scan.package'), width: '22%', sort: (v) => v.package_name ?? '', cell: (v) => <Safe value={Object.keys(v.packages ?? {}).join(', ')} clip /> },
      { key: 'fix', head: t('scan.fixable'), width: narrow ? 62 : 90, sort: (v) => (v.fixable ? 0 : 1), cell: (v) => (v.fixable ? t('common.yes') : <span className="dim">{t('common.no')}</span>) },
      { key: 'workloads', head: t('vulnerabilities.workloads'), width: 96, right: true, sort: (v) => v.workload_count ?? 0, cell: (v) => <span className="num">{count(v.workload_count)}</span> },
      { key: 'images', spare: true, head: t('vulnerabilities.images'), width: 76, right: true, sort: (v) => v.image_count ?? 0, cell: (v) => <span className="num">{count(v.image_count)}</span> },
      { key: 'nodes', head: t('vulnerabilities.nodes'), width: 70, right: true, sort: (v) => v.node_count ?? 0, cell: (v) => <span className="num">{count(v.node_count)}</span> },
      { key: 'published', head: t('scan.published'), width: 96, right: true, sort: (v) => v.published_timestamp ?? 0, cell: (v) => <span className="num">{v.published_timestamp ? age(v.published_timestamp) : '–'}</span> },
      { key: 'marks', head: '', width: narrow ? 78 : 176, cell: (v) => <FindingMarks compact={narrow} exploited={v.exploited} inUse={v.in_use} accepted={v.accepted} /> },
    ];
    return narrow ? all.filter((c) => !['epss', 'published', 'nodes'].includes(c.key)) : all;
  }, [t, narrow]);
}

function ByWorkload() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useQuery(workloads());
  const [text, setText] = useParam('q');
  const needle = text.trim().toLowerCase();
  const columns = useMemo(
    (): Column<Workload>[] => [
      { key: 'name', head: t('containers.name'), width: '22%', sort: (w) => w.display_name || w.name, cell: (w) => <span style={{ fontWeight: 550 }}><Safe value={w.display_name || w.name} clip /></span> },
      { key: 'image', head: t('containers.image'), width: '20%', sort: (w) => imageName(w.image), cell: (w) => <Safe value={imageName(w.image)} clip /> },
      { key: 'domain', head: t('containers.domain'), width: '12%', sort: (w) => w.domain, cell: (w) => <Safe value={w.domain} clip /> },
      { key: 'findings', head: t('scan.findings'), width: 200, sort: (w) => severityWeight(w.scan_summary), cell: (w) => <SeverityCounts brief={w.scan_summary} /> },
      { key: 'use', spare: true, head: t('scan.inUse'), width: 80, right: true, sort: (w) => w.scan_summary?.in_use ?? 0, cell: (w) => <span className="num">{w.scan_summary?.scanned_at ? count(w.scan_summary.in_use) : '–'}</span> },
      { key: 'os', spare: true, head: t('scan.baseOs'), width: '12%', sort: (w) => w.scan_summary?.base_os ?? '', cell: (w) => <Safe value={w.scan_summary?.base_os} clip /> },
      { key: 'status', head: t('registries.state'), width: 120, sort: (w) => w.scan_summary?.status ?? '', cell: (w) => <ProgressTag status={w.scan_summary?.status} result={w.scan_summary?.result} /> },
    ],
    [t],
  );
  return (
    <Gate query={query} loading={<LoadingRows rows={12} />}>
      {(all) => {
        const rows = all.filter((w) => w.running !== false && matches(needle, w.display_name, w.name, w.image, w.domain, w.service_group));
        return (
          <>
            <div className="toolbar" style={{ margin: '10px 0' }}>
              <SearchBox value={text} onChange={setText} placeholder={t('containers.search')} width={340} />
            </div>
            <DataTable
              label={t('vulnerabilities.byWorkload')}
              rows={rows}
              columns={columns}
              rowKey={(w) => w.id}
              onOpen={(w) => void navigate(`/containers/${encodeURIComponent(w.id)}?tab=vulnerabilities`)}
              initialSort={{ key: 'findings', desc: true }}
              maxHeight="calc(100dvh - 235px)"
              minWidth={860}
              empty={<Empty title={t(needle ? 'common.noMatch' : 'containers.emptyTitle')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />} action={needle ? <Button variant="default" onClick={() => setText(null)}>{t('common.clearFilters')}</Button> : null} />}
            />
          </>
        );
      }}
    </Gate>
  );
}
