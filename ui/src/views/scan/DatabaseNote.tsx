import { Alert } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { safeText } from '../../services/text';
import { age, dateTime } from '../../services/format';
import { scanStatus } from '../../services/scan';

/** Warns where there is no scanner or no database, or an old one; otherwise says how old it is in a line. */
export function DatabaseNote() {
  const { t } = useTranslation();
  const status = useQuery(scanStatus()).data;
  if (!status) return null;
  const waiting = (status.scheduled ?? 0) + (status.scanning ?? 0);
  const problem = !status.scanners ? t('scan.noScanner') : !status.cvedb_create_time ? t('scan.noDatabase', { why: safeText(status.cvedb_error ?? '', 300) }) : status.cvedb_stale ? t('scan.stale', { age: age(status.cvedb_create_time) }) : '';
  if (problem) {
    return (
      <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={16} aria-hidden />} mb="sm" role="status">
        {problem}
      </Alert>
    );
  }
  return (
    <p className="dim" style={{ margin: '0 0 10px', fontSize: 12.5 }} role="status">
      {t('scan.database', { version: status.cvedb_version ?? '', built: dateTime(status.cvedb_create_time), age: age(status.cvedb_create_time) })}
      {' · '}
      <Link className="link" to="/nodes">{t('scan.scannerCount', { count: status.scanners ?? 0 })}</Link>
      {waiting > 0 ? ` · ${t('scan.queue', { count: waiting })}` : ''}
    </p>
  );
}
