import { Button } from '@mantine/core';
import { IconBug, IconRefresh } from '@tabler/icons-react';
import { type UseQueryOptions, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { Safe } from '../../components/Safe';
import { SeverityCounts } from '../../components/SeverityCounts';
import { Empty, Gate } from '../../components/States';
import { ProgressTag } from '../../components/Tags';
import { age } from '../../services/format';
import { useSession } from '../../services/session';
import type { ChangeKind, ScanBrief, ScanReport } from '../../services/types';
import { FindingTable } from './FindingTable';
import { SbomMenu } from './SbomMenu';

interface Props {
  brief: ScanBrief | null | undefined;
  // The report's query; its key differs from place to place.
  report: UseQueryOptions<ScanReport, Error, ScanReport, string[]>;
  scan: (() => Promise<unknown>) | undefined;
  /** Where its bill of materials is. */
  sbom: string;
  name: string;
  kinds: ChangeKind[];
  domain?: string;
  maxHeight?: string;
}

/** The last scan of a container or a node: how it went, what it found, and a button for another. */
export function ReportPanel({ brief, report, scan, sbom, name, kinds, domain, maxHeight }: Props) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const change = useChange(kinds);
  const scanned = Boolean(brief?.scanned_at);
  const query = useQuery({ ...report, enabled: scanned, retry: false });
  const busy = brief?.status === 'scheduled' || brief?.status === 'scanning';
  const button = canWrite && scan ? <Button variant="default" leftSection={<IconRefresh size={14} />} loading={change.isPending} disabled={busy} onClick={() => change.mutate({ run: scan, done: t('scan.asked', { name }) })}>{t('scan.scanNow')}</Button> : null;
  if (!scanned) {
    return (
      <Empty title={busy ? t('scan.underWay') : t('scan.notScanned')} icon={<IconBug size={30} stroke={1.4} aria-hidden />} action={busy ? <ProgressTag status={brief?.status} /> : button}>
        {busy ? t('scan.underWayText') : t('scan.notScannedText')}
      </Empty>
    );
  }
  return (
    <>
      <div className="toolbar" style={{ padding: '10px 12px 0' }}>
        <ProgressTag status={brief?.status} result={brief?.result} />
        <SeverityCounts brief={brief} />
        <span className="dim"><Safe value={brief?.base_os} /> · {t('scan.scannedAgo', { age: age(brief?.scanned_timestamp) })}</span>
        <span className="toolbar" style={{ marginLeft: 'auto' }}><SbomMenu path={sbom} />{button}</span>
      </div>
      {brief?.status === 'failed' ? <p className="dim" style={{ margin: '8px 12px 0' }} role="alert"><Safe value={brief.result} wrap /></p> : null}
      <Gate query={query}>{(data) => <FindingTable findings={data.vulnerabilities ?? []} domain={domain} maxHeight={maxHeight} />}</Gate>
    </>
  );
}
