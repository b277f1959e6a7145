import { IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { RowActions } from '../../components/RowActions';
import { Safe } from '../../components/Safe';
import { Empty, Gate } from '../../components/States';
import { WarnTag } from '../../components/Tags';
import { dateTime } from '../../services/format';
import { accepted, dropAccepted } from '../../services/scan';
import { useSession } from '../../services/session';
import { safeText } from '../../services/text';
import type { AcceptedEntry } from '../../services/types';

/** What was accepted, by whom, where and until when. */
export function AcceptedTable() {
  const { t } = useTranslation();
  const query = useQuery(accepted());
  const { canWrite } = useSession();
  const confirm = useConfirm();
  const change = useChange(['scan', 'workload', 'node']);
  const columns = useMemo((): Column<AcceptedEntry>[] => {
    const remove = async (entry: AcceptedEntry) => {
      const yes = await confirm({ title: t('scan.dropTitle', { name: safeText(entry.name, 80) }), text: t('scan.dropText'), action: t('scan.drop') });
      if (yes) change.mutate({ run: () => dropAccepted(entry.id), done: t('scan.dropped', { name: entry.name }) });
    };
    const words = (list: string[] | undefined) => (list?.length ? <Safe value={list.join(', ')} clip /> : <span className="dim">{t('scan.everywhere')}</span>);
    const name = (entry: AcceptedEntry) => (entry.name.startsWith('_') ? t(`scan.special_${entry.name.slice(1)}`, { count: entry.days ?? 0 }) : entry.name);
    return [
      { key: 'name', head: t('scan.vulnerability'), width: '20%', sort: (e) => e.name, cell: (e) => <span style={{ fontWeight: 550 }}><Safe value={name(e)} clip /></span> },
      { key: 'comment', head: t('scan.reason'), width: '26%', sort: (e) => e.comment ?? '', cell: (e) => <Safe value={e.comment} clip /> },
      { key: 'domains', head: t('scan.inDomains'), width: '13%', sort: (e) => (e.domains ?? []).join(), cell: (e) => words(e.domains) },
      { key: 'images', head: t('scan.inImages'), width: '13%', sort: (e) => (e.images ?? []).join(), cell: (e) => words(e.images) },
      { key: 'by', spare: true, head: t('scan.acceptedBy'), width: '10%', sort: (e) => e.created_by ?? '', cell: (e) => <Safe value={e.created_by} clip /> },
      { key: 'until', head: t('scan.until'), width: 170, sort: (e) => e.expires_at || '9', cell: (e) => (e.expired ? <WarnTag>{t('scan.expired')}</WarnTag> : e.expires_at ? dateTime(e.expires_at) : t('scan.until_ever')) },
      { key: 'actions', head: '', width: 48, right: true, cell: (e) => (canWrite ? <RowActions what={e.name} onDelete={() => void remove(e)} /> : null) },
    ];
  }, [t, canWrite, confirm, change]);
  return (
    <Gate query={query}>
      {(rows) => (
        <div style={{ marginTop: 10 }}>
          <DataTable label={t('vulnerabilities.accepted')} rows={rows} columns={columns} rowKey={(e) => String(e.id)} isOff={(e) => Boolean(e.expired)} initialSort={{ key: 'name' }} minWidth={820} empty={<Empty title={t('scan.noneAccepted')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />}>{t('scan.noneAcceptedText')}</Empty>} />
        </div>
      )}
    </Gate>
  );
}
