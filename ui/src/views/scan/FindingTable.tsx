import { Button, Drawer, Switch } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, SearchBox } from '../../components/Filters';
import { Facts } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty } from '../../components/States';
import { FindingMarks, SeverityTag } from '../../components/Tags';
import { dateTime, percent } from '../../services/format';
import { severityRank, SEVERITIES } from '../../services/scan';
import { useSession } from '../../services/session';
import { matches } from '../../services/text';
import type { Finding } from '../../services/types';
import { AcceptForm } from './AcceptForm';
import { Reference } from './Reference';

const isAccepted = (f: Finding) => (f.tags ?? []).includes('accepted');

/** Vulnerabilities of one thing, with filters; a row opens all that is known of it. */
export function FindingTable({ findings, maxHeight, layerOf, domain }: { findings: Finding[]; maxHeight?: string; layerOf?: (index: number) => string; domain?: string }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [severity, setSeverity] = useState<string | null>(null);
  const [only, setOnly] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState<Finding | null>(null);
  const needle = text.trim().toLowerCase();
  const hidden = findings.filter(isAccepted).length;
  const rows = findings.filter(
    (f) =>
      (all || !isAccepted(f)) &&
      (!severity || f.severity === severity) &&
      (!only || (only === 'fixable' ? Boolean(f.fixed_version) : only === 'unfixed' ? !f.fixed_version : only === 'exploited' ? Boolean(f.exploited_since) : Boolean(f.in_use))) &&
      matches(needle, f.name, f.package_name, f.package_version, f.description, ...(f.cves ?? [])),
  );
  const columns = useColumns();
  return (
    <div className="flat">
      <div className="toolbar" style={{ padding: '10px 12px' }}>
        <SearchBox value={text} onChange={setText} placeholder={t('scan.searchFinding')} width={240} />
        <Choice label={t('scan.severity')} value={severity} options={SEVERITIES.map((value) => ({ value, label: t(`severity.${value.toLowerCase()}`) }))} onChange={setSeverity} width={130} />
        <Choice label={t('scan.only')} value={only} options={['fixable', 'unfixed', 'exploited', 'inUse'].map((value) => ({ value, label: t(`scan.only_${value}`) }))} onChange={setOnly} width={170} />
        {hidden > 0 ? <Switch size="xs" label={t('scan.showAccepted', { count: hidden })} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} /> : null}
        <span className="dim" style={{ marginLeft: 'auto' }}>{t('scan.shown', { shown: rows.length, count: findings.length })}</span>
      </div>
      <DataTable
        label={t('scan.findings')}
        rows={rows}
        columns={columns}
        rowKey={(f) => `${f.name} ${f.package_name} ${f.package_version ?? ''} ${f.file_name ?? ''}`}
        onOpen={setOpen}
        isOff={isAccepted}
        initialSort={{ key: 'severity' }}
        maxHeight={maxHeight}
        minWidth={760}
        empty={findings.length === 0 ? <Empty title={t('scan.clean')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />}>{t('scan.cleanText')}</Empty> : <Empty title={t('common.noMatch')} />}
      />
      <FindingDrawer finding={open} onClose={() => setOpen(null)} layerOf={layerOf} domain={domain} />
    </div>
  );
}

function useColumns(): Column<Finding>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      { key: 'name', head: t('scan.vulnerability'), width: 172, sort: (f) => f.name, cell: (f) => <span style={{ fontWeight: 550 }}><Safe value={f.name} clip /></span> },
      { key: 'severity', head: t('scan.severity'), width: 106, sort: (f) => severityRank(f.severity) * 100 - (f.score_v3 ?? 0), cell: (f) => <SeverityTag severity={f.severity} /> },
      { key: 'score', spare: true, head: t('scan.score'), width: 58, right: true, sort: (f) => f.score_v3 || f.score || 0, cell: (f) => <span className="num">{f.score_v3 || f.score || '–'}</span> },
      { key: 'package', head: t('scan.package'), width: '20%', sort: (f) => f.package_name, cell: (f) => <Safe value={f.package_name} clip /> },
      { key: 'version', head: t('scan.installed'), width: '20%', sort: (f) => f.package_version ?? '', cell: (f) => <Safe value={f.package_version} mono clip /> },
      { key: 'fixed', head: t('scan.fixedIn'), width: '20%', sort: (f) => f.fixed_version ?? '', cell: (f) => (f.fixed_version ? <Safe value={f.fixed_version} mono clip /> : <span className="dim">{t(`scan.fix_${f.status || 'affected'}`, t('scan.fix_affected'))}</span>) },
      { key: 'marks', head: '', width: 78, cell: (f) => <FindingMarks compact exploited={Boolean(f.exploited_since)} ransomware={f.ransomware} inUse={f.in_use} accepted={isAccepted(f)} reason={f.accepted_reason} /> },
    ],
    [t],
  );
}

function FindingDrawer({ finding, onClose, layerOf, domain }: { finding: Finding | null; onClose: () => void; layerOf?: (index: number) => string; domain?: string }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const [accepting, setAccepting] = useState(false);
  const layer = finding?.layer;
  return (
    <Drawer opened={finding !== null} onClose={onClose} size={560} title={finding ? <Safe value={finding.name} /> : ''} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {finding ? (
        <div style={{ display: 'grid', gap: 16, gridTemplateColumns: 'minmax(0, 1fr)' }}>
          <div className="toolbar">
            <SeverityTag severity={finding.severity} />
            <FindingMarks exploited={Boolean(finding.exploited_since)} ransomware={finding.ransomware} inUse={finding.in_use} accepted={isAccepted(finding)} reason={finding.accepted_reason} />
            {canWrite && !isAccepted(finding) ? <Button variant="default" ml="auto" onClick={() => setAccepting(true)}>{t('scan.accept')}</Button> : null}
          </div>
          {finding.description ? <p style={{ margin: 0, lineHeight: 1.55 }}><Safe value={finding.description} wrap /></p> : null}
          <Facts
            items={[
              [t('scan.package'), <Safe key="p" value={`${finding.package_name} ${finding.package_version ?? ''}`} wrap />],
              [t('scan.fixedIn'), finding.fixed_version ? <Safe key="f" value={finding.fixed_version} wrap mono /> : t(`scan.fix_${finding.status || 'affected'}`, t('scan.fix_affected'))],
              [t('scan.file'), finding.file_name ? <Safe key="file" value={finding.file_name} wrap breaks mono /> : ''],
              [t('scan.broughtBy'), layer !== undefined && layer !== null && layerOf ? <Safe key="l" value={layerOf(layer)} wrap breaks mono /> : ''],
              [t('scan.cvss'), finding.score_v3 || finding.score ? `${finding.score_v3 || finding.score} ${finding.vectors_v3 || finding.vectors || ''}` : ''],
              [t('scan.epss'), finding.epss ? percent(finding.epss) : ''],
              [t('scan.exploitedSince'), finding.exploited_since],
              [t('scan.ratedBy'), [finding.severity_source, finding.feed_rating].filter(Boolean).join(', ')],
              [t('scan.aliases'), (finding.cves ?? []).join(', ')],
              [t('scan.published'), finding.published_timestamp ? dateTime(finding.published_timestamp) : ''],
              [t('scan.acceptedWhy'), isAccepted(finding) ? <Safe key="a" value={finding.accepted_reason || finding.accepted_by} wrap /> : ''],
              [t('scan.reference'), <Reference key="r" link={finding.link} />],
            ]}
          />
          <AcceptForm name={finding.name} domain={domain} opened={accepting} onClose={() => setAccepting(false)} onDone={onClose} />
        </div>
      ) : null}
    </Drawer>
  );
}
