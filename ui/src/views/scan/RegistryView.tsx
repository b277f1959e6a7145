import { Anchor, Breadcrumbs, Button } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconPhoto, IconPlayerPlay, IconPlayerStop, IconSettings } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { useChange } from '../../components/change';
import { type Column, DataTable } from '../../components/DataTable';
import { Choice, SearchBox } from '../../components/Filters';
import { Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { SeverityCounts, severityWeight } from '../../components/SeverityCounts';
import { Empty, Failed, Gate, LoadingRows } from '../../components/States';
import { ProgressTag } from '../../components/Tags';
import { age, bytes, count } from '../../services/format';
import { useParam } from '../../services/params';
import { registry, registryImages, startRegistry, stopRegistry } from '../../services/scan';
import { useSession } from '../../services/session';
import { matches } from '../../services/text';
import type { ImageSummary, RegistrySummary } from '../../services/types';
import { DatabaseNote } from './DatabaseNote';
import { RegistryState } from './RegistriesView';
import { RegistryForm } from './RegistryForm';

/** The images of one registry. */
export default function RegistryView() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { name = '' } = useParams();
  const about = useQuery(registry(name));
  const query = useQuery(registryImages(name, about.data?.status === 'scanning'));
  const narrow = useMediaQuery('(max-width: 1240px)', false, { getInitialValueInEffect: false });
  const columns = useColumns(narrow);
  const [text, setText] = useParam('q');
  const [status, setStatus] = useParam('status');
  const needle = text.trim().toLowerCase();
  const all = query.data ?? [];
  const rows = all.filter((i) => (!status || (i.status || 'never') === status) && matches(needle, i.repository, i.tag, i.digest, i.image_id, i.base_os, i.author));
  return (
    <Page
      fill
      title={
        <Breadcrumbs separator="/" separatorMargin={8}>
          <Anchor component={Link} to="/registries" fz="inherit" fw={500} c="dimmed">{t('registries.title')}</Anchor>
          <Safe value={name} max={80} />
        </Breadcrumbs>
      }
      note={about.data ? t('registries.progress', { scanned: about.data.scanned ?? 0, count: about.data.images ?? 0 }) : ''}
      actions={about.data ? <Actions registry={about.data} /> : null}
    >
      <DatabaseNote />
      {about.isError ? <Failed error={about.error} retry={() => void about.refetch()} /> : (
        <>
          <div className="toolbar">
            <SearchBox value={text} onChange={setText} placeholder={t('registries.searchImage')} width={340} />
            <Choice label={t('registries.state')} value={status || null} options={['finished', 'scanning', 'scheduled', 'failed', 'unsupported'].map((value) => ({ value, label: t(`scan.status_${value}`) }))} onChange={setStatus} />
          </div>
          <Gate query={query} loading={<LoadingRows rows={12} />}>
            {() => (
              <DataTable
                label={t('registries.images')}
                rows={rows}
                columns={columns}
                rowKey={(i) => `${i.repository}:${i.tag}`}
                onOpen={(i) => void navigate(`/registries/${encodeURIComponent(name)}/images/${encodeURIComponent(i.image_id)}`)}
                initialSort={{ key: 'findings', desc: true }}
                minWidth={narrow ? 720 : 960}
                empty={
                  all.length > 0 ? <Empty title={t('common.noMatch')} /> : (
                    <Empty title={t('registries.noImages')} icon={<IconPhoto size={30} stroke={1.4} aria-hidden />}>{about.data?.listed_at ? t('registries.noImagesText') : t('registries.notListed')}</Empty>
                  )
                }
              />
            )}
          </Gate>
        </>
      )}
    </Page>
  );
}

function Actions({ registry: r }: { registry: RegistrySummary }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const change = useChange(['scan']);
  const [editing, setEditing] = useState(false);
  const busy = r.status === 'scanning';
  const toggle = () => change.mutate({ run: () => (busy ? stopRegistry(r.name) : startRegistry(r.name)), done: t(busy ? 'registries.stopped' : 'registries.started', { name: r.name }) });
  return (
    <>
      <RegistryState registry={r} />
      {canWrite ? (
        <>
          <Button variant="default" leftSection={<IconSettings size={14} />} onClick={() => setEditing(true)}>{t('common.edit')}</Button>
          <Button leftSection={busy ? <IconPlayerStop size={14} /> : <IconPlayerPlay size={14} />} loading={change.isPending} onClick={toggle}>{t(busy ? 'registries.stop' : 'registries.scanNow')}</Button>
          <RegistryForm opened={editing} onClose={() => setEditing(false)} registry={r} />
        </>
      ) : null}
    </>
  );
}

function useColumns(narrow: boolean): Column<ImageSummary>[] {
  const { t } = useTranslation();
  return useMemo(() => {
    const all: Column<ImageSummary>[] = [
      { key: 'repository', head: t('registries.repository'), width: '26%', sort: (i) => i.repository, cell: (i) => <span style={{ fontWeight: 550 }}><Safe value={i.repository} clip /></span> },
      { key: 'tag', head: t('registries.tag'), width: '14%', sort: (i) => i.tag, cell: (i) => <Safe value={i.tag} mono clip /> },
      { key: 'findings', head: t('scan.findings'), width: 196, sort: severityWeight, cell: (i) => <SeverityCounts brief={i} /> },
      { key: 'packages', spare: true, head: t('scan.packages'), width: 88, right: true, sort: (i) => i.packages ?? 0, cell: (i) => <span className="num">{i.packages ? count(i.packages) : '–'}</span> },
      { key: 'secrets', head: t('scan.secrets'), width: 76, right: true, sort: (i) => i.secrets ?? 0, cell: (i) => <span className="num" style={i.secrets ? { color: 'var(--rp-deny)', fontWeight: 600 } : undefined}>{i.secrets ? count(i.secrets) : '–'}</span> },
      { key: 'os', head: t('scan.baseOs'), width: '13%', sort: (i) => i.base_os ?? '', cell: (i) => <Safe value={i.base_os} clip /> },
      { key: 'size', head: t('registries.size'), width: 84, right: true, sort: (i) => i.size ?? 0, cell: (i) => <span className="num">{i.size ? bytes(i.size) : '–'}</span> },
      { key: 'status', head: t('registries.state'), width: 118, sort: (i) => i.status ?? '', cell: (i) => <ProgressTag status={i.status} result={i.result} /> },
      { key: 'age', head: t('scan.scanned'), width: 78, right: true, sort: (i) => i.scanned_timestamp ?? 0, cell: (i) => <span className="num">{age(i.scanned_timestamp)}</span> },
    ];
    return narrow ? all.filter((c) => !['os', 'size', 'age'].includes(c.key)) : all;
  }, [t, narrow]);
}
