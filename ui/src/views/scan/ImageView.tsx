import { Anchor, Breadcrumbs, Tabs } from '@mantine/core';
import { IconBug, IconKey, IconPackage, IconSettings, IconShieldCheck, IconStack2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { Card, Facts, Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { SeverityCounts } from '../../components/SeverityCounts';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { ProgressTag, SeverityTag, WarnTag } from '../../components/Tags';
import { bytes, count, dateTime } from '../../services/format';
import { useParam } from '../../services/params';
import { imageLayers, imageReport, imageSbom, registryImages } from '../../services/scan';
import type { ImageSummary, ScanLayer, ScanReport } from '../../services/types';
import { DatabaseNote } from './DatabaseNote';
import { FindingTable } from './FindingTable';
import { LayerList } from './LayerList';
import { PackageTable } from './PackageTable';
import { SbomMenu } from './SbomMenu';

const HEIGHT = 'calc(100dvh - 270px)';

/** One image: what is in it, what is wrong with it, and which layer brought it. */
export default function ImageView() {
  const { t } = useTranslation();
  const { name = '', id = '' } = useParams();
  const images = useQuery(registryImages(name));
  const image = images.data?.find((i) => i.image_id === id);
  const query = useQuery({ ...imageReport(name, id), retry: false });
  const layers = useQuery({ ...imageLayers(name, id), retry: false });
  return (
    <Page
      title={
        <Breadcrumbs separator="/" separatorMargin={8}>
          <Anchor component={Link} to="/registries" fz="inherit" fw={500} c="dimmed">{t('registries.title')}</Anchor>
          <Anchor component={Link} to={`/registries/${encodeURIComponent(name)}`} fz="inherit" fw={500} c="dimmed"><Safe value={name} max={40} /></Anchor>
          <Safe value={image ? `${image.repository}:${image.tag}` : id.slice(0, 12)} max={80} />
        </Breadcrumbs>
      }
      actions={image ? <><SeverityCounts brief={image} /><ProgressTag status={image.status} result={image.result} />{query.data ? <SbomMenu path={imageSbom(name, id)} /> : null}</> : null}
    >
      <DatabaseNote />
      <div className="grid sided">
        <Identity image={image} report={query.data} />
        <Gate query={query} loading={<LoadingRows rows={10} />}>
          {(report) => <Parts report={report} layers={layers.data ?? []} />}
        </Gate>
      </div>
    </Page>
  );
}

function Identity({ image: i, report: r }: { image: ImageSummary | undefined; report: ScanReport | undefined }) {
  const { t } = useTranslation();
  return (
    <div className="grid side">
      <Card title={t('scan.image')}>
        <Facts
          items={[
            [t('registries.repository'), i ? <Safe key="r" value={i.repository} wrap breaks /> : ''],
            [t('registries.tag'), i ? <Safe key="t" value={i.tag} mono wrap /> : ''],
            [t('containers.digest'), i?.digest ? <Safe key="d" value={i.digest} mono clip /> : ''],
            [t('scan.imageId'), i?.image_id ? <Safe key="id" value={i.image_id.slice(0, 12)} mono /> : ''],
            [t('scan.baseOs'), r?.base_os ? <span key="os"><Safe value={r.base_os} />{r.end_of_life ? <> <WarnTag hint={t('scan.endOfLifeHint', { date: r.end_of_life })}>{t('scan.endOfLife')}</WarnTag></> : null}</span> : ''],
            [t('registries.size'), i?.size ? bytes(i.size) : ''],
            [t('scan.author'), i?.author ? <Safe key="a" value={i.author} wrap /> : ''],
            [t('scan.created'), i?.created_at ? dateTime(i.created_at) : ''],
            [t('scan.user'), i?.run_as_root ? <WarnTag key="u" hint={t('containers.rootHint')}>{t('containers.root')}</WarnTag> : ''],
          ]}
        />
      </Card>
      <Card title={t('scan.scan')}>
        <Facts
          items={[
            [t('scan.scanned'), r?.scanned_at ? dateTime(r.scanned_at) : ''],
            [t('scan.databaseVersion'), r?.cvedb_version],
            [t('scan.packages'), r ? count(r.modules?.length) : ''],
            [t('scan.layers'), i?.layers?.length ? count(i.layers.length) : ''],
          ]}
        />
      </Card>
      {r?.problems?.length ? (
        <Card title={t('scan.problems')}>
          {r.problems.slice(0, 50).map((p, n) => <p key={n} style={{ margin: '0 0 8px', lineHeight: 1.45 }}><Safe value={p.path} mono wrap breaks /><br /><span className="dim"><Safe value={p.reason} wrap /></span></p>)}
        </Card>
      ) : null}
    </div>
  );
}

const ICON = { size: 15, stroke: 1.8, 'aria-hidden': true } as const;

function Parts({ report, layers }: { report: ScanReport; layers: ScanLayer[] }) {
  const { t } = useTranslation();
  const [tab, setTab] = useParam('tab', 'findings');
  const open = (report.vulnerabilities ?? []).filter((v) => !(v.tags ?? []).includes('accepted')).length;
  const label = (text: string, n: number) => <>{text}{n ? <span className="tab-count">{count(n)}</span> : null}</>;
  const layerOf = (index: number) => layers[index]?.cmds || layers[index]?.digest || String(index);
  return (
    <div className="card" style={{ minWidth: 0 }}>
      <Tabs value={tab} onChange={setTab}>
        <Tabs.List pl="xs">
          <Tabs.Tab value="findings" leftSection={<IconBug {...ICON} />}>{label(t('scan.findings'), open)}</Tabs.Tab>
          <Tabs.Tab value="packages" leftSection={<IconPackage {...ICON} />}>{label(t('scan.packages'), report.modules?.length ?? 0)}</Tabs.Tab>
          <Tabs.Tab value="layers" leftSection={<IconStack2 {...ICON} />}>{label(t('scan.layers'), layers.length)}</Tabs.Tab>
          <Tabs.Tab value="secrets" leftSection={<IconKey {...ICON} />}>{label(t('scan.secrets'), report.secrets?.length ?? 0)}</Tabs.Tab>
          <Tabs.Tab value="config" leftSection={<IconSettings {...ICON} />}>{label(t('scan.config'), (report.config_issues?.length ?? 0) + (report.setid_perms?.length ?? 0))}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="findings"><FindingTable findings={report.vulnerabilities ?? []} layerOf={layerOf} maxHeight={HEIGHT} /></Tabs.Panel>
        <Tabs.Panel value="packages"><PackageTable packages={report.modules ?? []} layerOf={layerOf} maxHeight={HEIGHT} /></Tabs.Panel>
        <Tabs.Panel value="layers"><LayerList layers={layers} /></Tabs.Panel>
        <Tabs.Panel value="secrets"><Secrets report={report} /></Tabs.Panel>
        <Tabs.Panel value="config"><Configuration report={report} /></Tabs.Panel>
      </Tabs>
    </div>
  );
}

function Secrets({ report }: { report: ScanReport }) {
  const { t } = useTranslation();
  const secrets = report.secrets ?? [];
  if (secrets.length === 0) return <Empty title={t('scan.noSecrets')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />}>{t('scan.noSecretsText')}</Empty>;
  return (
    <div className="flat">
      <div className="table-box">
      <table className="dt" aria-label={t('scan.secrets')}>
        <thead><tr><th scope="col" style={{ width: '22%' }}>{t('scan.secretKind')}</th><th scope="col" style={{ width: 104 }}>{t('scan.severity')}</th><th scope="col" style={{ width: '32%' }}>{t('scan.file')}</th><th scope="col">{t('scan.evidence')}</th></tr></thead>
        <tbody>
          {secrets.map((s, i) => (
            <tr key={i}>
              <td className="prose"><Safe value={s.type} wrap /></td>
              <td><SeverityTag severity={s.severity} /></td>
              <td className="prose"><Safe value={s.line ? `${s.path}:${s.line}` : s.path} mono wrap breaks />{s.deleted_later ? <div><WarnTag hint={t('scan.deletedHint')}>{t('scan.deleted')}</WarnTag></div> : null}</td>
              <td className="prose"><Safe value={s.evidence} mono wrap breaks /></td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </div>
  );
}

function Configuration({ report }: { report: ScanReport }) {
  const { t } = useTranslation();
  const issues = report.config_issues ?? [];
  const files = report.setid_perms ?? [];
  if (issues.length + files.length === 0) return <Empty title={t('scan.noIssues')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />} />;
  return (
    <div className="flat">
      {issues.map((issue) => (
        <div key={issue.id} style={{ padding: '12px 14px', borderBottom: '1px solid var(--mantine-color-default-border)' }}>
          <div className="toolbar"><SeverityTag severity={issue.severity} /><strong><Safe value={issue.title} wrap /></strong><span className="dim" style={{ marginLeft: 'auto' }}><Safe value={issue.id} mono /></span></div>
          {issue.detail ? <p style={{ margin: '6px 0 0', lineHeight: 1.5 }}><Safe value={issue.detail} wrap /></p> : null}
          {issue.remediation ? <p className="dim" style={{ margin: '4px 0 0', lineHeight: 1.5 }}><Safe value={issue.remediation} wrap /></p> : null}
        </div>
      ))}
      {files.length > 0 ? (
        <div style={{ padding: '12px 14px' }}>
          <strong>{t('scan.setid')}</strong>
          <p className="dim" style={{ margin: '2px 0 8px' }}>{t('scan.setidText')}</p>
          {files.map((f) => <div key={f.path} style={{ display: 'flex', gap: 12, padding: '2px 0' }}><Safe value={f.path} mono breaks /><span className="dim"><Safe value={f.evidence} /></span></div>)}
        </div>
      ) : null}
    </div>
  );
}
