import { IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Empty, Gate } from '../../components/States';
import { logPage } from '../../services/queries';
import type { Entry, Workload } from '../../services/types';
import { EventDrawer } from '../events/EventDrawer';
import { EventTable } from '../events/EventTable';

const LIMIT = 200;

/** Incidents and violations of one container; a violation names it at either end. */
const ofWorkload = (id: string) => ({
  queryKey: ['log', 'workload', id],
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Entry[]> => {
    const page = { start: 0, limit: LIMIT };
    const lists = await Promise.all([
      logPage('incident', { ...page, f_workload_id: id }, signal),
      logPage('violation', { ...page, f_client_id: id }, signal),
      logPage('violation', { ...page, f_server_id: id }, signal),
    ]);
    return lists.flat().sort((a, b) => b.reported_timestamp - a.reported_timestamp).slice(0, LIMIT);
  },
});

export function EventsTab({ workload }: { workload: Workload }) {
  const { t } = useTranslation();
  const query = useQuery(ofWorkload(workload.id));
  const [open, setOpen] = useState<Entry | null>(null);
  return (
    <Gate query={query}>
      {(entries) => (
        <div className="flat">
          <EventTable tab="security" entries={entries} onOpen={setOpen} maxHeight="calc(100dvh - 210px)" empty={<Empty title={t('containers.quiet')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />}>{t('containers.quietText')}</Empty>} />
          <EventDrawer entry={open} onClose={() => setOpen(null)} />
        </div>
      )}
    </Gate>
  );
}
