import { Button } from '@mantine/core';
import { IconBuildingWarehouse, IconPlayerPlay, IconPlayerStop, IconPlus } from '@tabler/icons-react';
import { ActionIcon, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useChange } from '../../components/change';
import { useConfirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Page } from '../../components/Page';
import { RowActions } from '../../components/RowActions';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { ProgressTag, WarnTag } from '../../components/Tags';
import { age, count } from '../../services/format';
import { deleteRegistry, registries, startRegistry, stopRegistry } from '../../services/scan';
import { useSession } from '../../services/session';
import { safeText } from '../../services/text';
import type { RegistrySummary } from '../../services/types';
import { DatabaseNote } from './DatabaseNote';
import { RegistryForm } from './RegistryForm';

export default function RegistriesView() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { canWrite } = useSession();
  const query = useQuery(registries());
  const [form, setForm] = useState<{ old?: RegistrySummary } | null>(null);
  const columns = useColumns((old) => setForm({ old }));
  const add = canWrite ? <Button leftSection={<IconPlus size={14} />} onClick={() => setForm({})}>{t('registries.add')}</Button> : null;
  return (
    <Page title={t('registries.title')} note={query.data ? t('registries.note', { count: query.data.length }) : ''} actions={query.data?.length ? add : null}>
      <DatabaseNote />
      <Gate query={query} loading={<LoadingRows rows={8} />}>
        {(rows) => (
          <DataTable
            label={t('registries.title')}
            rows={rows}
            columns={columns}
            rowKey={(r) => r.name}
            onOpen={(r) => void navigate(`/registries/${encodeURIComponent(r.name)}`)}
            initialSort={{ key: 'name' }}
            minWidth={900}
            empty={<Empty title={t('registries.emptyTitle')} icon={<IconBuildingWarehouse size={30} stroke={1.4} aria-hidden />} action={add}>{t('registries.emptyText')}</Empty>}
          />
        )}
      </Gate>
      <RegistryForm opened={form !== null} onClose={() => setForm(null)} registry={form?.old} />
    </Page>
  );
}

function useColumns(onEdit: (registry: RegistrySummary) => void): Column<RegistrySummary>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      { key: 'name', head: t('registries.name'), width: '16%', sort: (r) => r.name, cell: (r) => <span style={{ fontWeight: 550 }}><Safe value={r.name} clip /></span> },
      { key: 'type', spare: true, head: t('registries.type'), width: '15%', sort: (r) => r.registry_type, cell: (r) => <Safe value={r.registry_type} clip /> },
      { key: 'url', head: t('registries.url'), width: '23%', sort: (r) => r.registry, cell: (r) => <Safe value={r.registry} clip /> },
      { key: 'images', head: t('registries.images'), width: 82, right: true, sort: (r) => r.images ?? 0, cell: (r) => <span className="num">{count(r.images)}</span> },
      { key: 'scanned', spare: true, head: t('registries.scanned'), width: 92, right: true, sort: (r) => r.scanned ?? 0, cell: (r) => <span className="num">{count(r.scanned)}</span> },
      { key: 'failed', head: t('registries.failed'), width: 80, right: true, sort: (r) => r.failed ?? 0, cell: (r) => (r.failed ? <WarnTag>{count(r.failed)}</WarnTag> : <span className="num dim">0</span>) },
      { key: 'schedule', spare: true, head: t('registries.schedule'), width: 108, sort: (r) => r.schedule?.schedule ?? '', cell: (r) => t(`registries.schedule_${r.schedule?.schedule || 'manual'}`, r.schedule?.schedule ?? '') },
      { key: 'listed', spare: true, head: t('registries.listed'), width: 88, right: true, sort: (r) => r.listed_at ?? '', cell: (r) => <span className="num">{age(r.listed_at)}</span> },
      { key: 'status', head: t('registries.state'), width: 130, sort: (r) => r.status ?? '', cell: (r) => <RegistryState registry={r} /> },
      { key: 'actions', head: '', width: 104, right: true, cell: (r) => <Actions registry={r} onEdit={onEdit} /> },
    ],
    [t, onEdit],
  );
}

export function RegistryState({ registry: r }: { registry: RegistrySummary }) {
  const { t } = useTranslation();
  if (r.status === 'scanning') return <ProgressTag status="scanning" />;
  if (r.error_message) return <WarnTag hint={safeText(r.error_message, 300)}>{t('registries.problem')}</WarnTag>;
  return r.listed_at ? <ProgressTag status="finished" /> : <span className="dim">{t('scan.never')}</span>;
}

function Actions({ registry: r, onEdit }: { registry: RegistrySummary; onEdit: (registry: RegistrySummary) => void }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const confirm = useConfirm();
  const change = useChange(['scan']);
  if (!canWrite) return null;
  const busy = r.status === 'scanning';
  const label = t(busy ? 'registries.stopWhat' : 'registries.scanWhat', { name: r.name });
  const toggle = () => change.mutate({ run: () => (busy ? stopRegistry(r.name) : startRegistry(r.name)), done: t(busy ? 'registries.stopped' : 'registries.started', { name: r.name }) });
  const remove = async () => {
    const yes = await confirm({ title: t('registries.deleteTitle', { name: safeText(r.name, 80) }), text: t('registries.deleteText'), action: t('common.delete'), danger: true });
    if (yes) change.mutate({ run: () => deleteRegistry(r.name), done: t('registries.deleted', { name: r.name }) });
  };
  return (
    <RowActions what={r.name} onEdit={() => onEdit(r)} onDelete={() => void remove()}>
      <Tooltip label={t(busy ? 'registries.stop' : 'registries.scanNow')}>
        <ActionIcon size="sm" aria-label={label} onClick={toggle}>{busy ? <IconPlayerStop size={15} /> : <IconPlayerPlay size={15} />}</ActionIcon>
      </Tooltip>
    </RowActions>
  );
}
