import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Card } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty } from '../../components/States';
import { WarnTag } from '../../components/Tags';
import { age, count } from '../../services/format';
import { scanners, scanStatus } from '../../services/scan';
import { safeText } from '../../services/text';

/** The scanners of the whole cluster, their database and what they did. */
export function Scanners() {
  const { t } = useTranslation();
  const list = useQuery(scanners()).data;
  const status = useQuery(scanStatus()).data;
  if (!list) return null;
  const desired = status?.desired_scanners ?? 0;
  return (
    <Card title={t('scanners.title')} pad={false} aside={desired > list.length ? <WarnTag hint={t('scanners.moreHint')}>{t('scanners.more', { count: desired - list.length })}</WarnTag> : null}>
      {list.length === 0 ? <Empty title={t('scanners.none')}>{t('scanners.noneText')}</Empty> : (
        <div className="table-box">
          <table className="dt" aria-label={t('scanners.title')}>
            <thead><tr><th scope="col">{t('scanners.name')}</th><th scope="col" style={{ width: 110 }}>{t('scanners.version')}</th><th scope="col" style={{ width: '24%' }}>{t('scanners.database')}</th><th scope="col" className="right" style={{ width: 90 }}>{t('scanners.images')}</th><th scope="col" className="right" style={{ width: 104 }}>{t('scanners.containers')}</th><th scope="col" className="right" style={{ width: 80 }}>{t('scanners.hosts')}</th><th scope="col" className="right" style={{ width: 80 }}>{t('scanners.failed')}</th><th scope="col" className="right" style={{ width: 90 }}>{t('scanners.seen')}</th></tr></thead>
            <tbody>
              {list.map((s) => (
                <tr key={s.id}>
                  <td><Safe value={s.name || s.id} clip /></td>
                  <td><Safe value={s.version} /></td>
                  <td>{s.cvedb_create_time ? t('scanners.databaseAge', { version: s.cvedb_version ?? '', age: age(s.cvedb_create_time) }) : <WarnTag hint={safeText(s.cvedb_error ?? '', 300)}>{t('scanners.noDatabase')}</WarnTag>}</td>
                  <td className="right num">{count(s.scanned_images)}</td>
                  <td className="right num">{count(s.scanned_containers)}</td>
                  <td className="right num">{count(s.scanned_hosts)}</td>
                  <td className="right num">{count(s.failed)}</td>
                  <td className="right num">{age(s.last_seen_at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
