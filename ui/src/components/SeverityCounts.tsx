import { Tooltip } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { count, short } from '../services/format';
import type { ScanBrief } from '../services/types';

const PARTS = [['critical', 'deny', 'C'], ['high', 'deny', 'H'], ['medium', 'violate', 'M'], ['low', 'muted', 'L']] as const;

/** Findings by severity, the worst first; read out and pointed at in words. */
export function SeverityCounts({ brief }: { brief: ScanBrief | null | undefined }) {
  const { t } = useTranslation();
  if (!brief?.status || !brief.scanned_at) return <span className="dim">–</span>;
  const words = PARTS.map(([key]) => `${count(brief[key])} ${t(`severity.${key}`)}`).join(', ');
  const more = [brief.exploited ? t('scan.countExploited', { count: brief.exploited }) : '', brief.fixable ? t('scan.countFixable', { count: brief.fixable }) : '', brief.accepted ? t('scan.countAccepted', { count: brief.accepted }) : ''].filter(Boolean);
  return (
    <Tooltip label={[words, ...more].join(' · ')}>
      <span className="severities" role="img" aria-label={words}>
        {PARTS.map(([key, tone, letter]) => (
          <span key={key} data-tone={brief[key] ? tone : 'none'} data-strong={key === 'critical' && brief[key] ? '' : undefined} aria-hidden>
            <small>{letter}</small>
            {short(brief[key])}
          </span>
        ))}
      </span>
    </Tooltip>
  );
}

/** For sorting: the worst first, each severity weighing more than any number of the next. */
export const severityWeight = (brief: ScanBrief | null | undefined): number => ((brief?.critical ?? 0) * 1e4 + (brief?.high ?? 0)) * 1e5 + (brief?.medium ?? 0) + (brief?.low ?? 0) / 1e5;
