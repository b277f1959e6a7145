import { Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Facts } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { WarnTag } from '../../components/Tags';
import { dateTime } from '../../services/format';
import type { Workload } from '../../services/types';

export function DetailsTab({ workload: w }: { workload: Workload }) {
  const { t } = useTranslation();
  const labels = Object.entries(w.labels ?? {}).sort(([a], [b]) => a.localeCompare(b));
  const mounts = w.mounts ?? [];
  return (
    <div style={{ padding: 14, display: 'grid', gap: 22 }}>
      <section>
        <Title order={3} mb={8}>{t('containers.labels')}</Title>
        {labels.length === 0 ? <span className="dim">{t('common.none')}</span> : null}
        <dl className="facts">
          {labels.map(([key, value]) => (
            <div key={key} style={{ display: 'contents' }}>
              <dt><Safe value={key} mono wrap /></dt>
              <dd><Safe value={value} mono wrap max={400} /></dd>
            </div>
          ))}
        </dl>
      </section>
      <section>
        <Title order={3} mb={8}>{t('containers.mounts')}</Title>
        {mounts.length === 0 ? <span className="dim">{t('common.none')}</span> : null}
        {mounts.map((m) => (
          <div key={m.destination} style={{ display: 'flex', gap: 8, alignItems: 'center', marginBottom: 4 }}>
            <Safe value={m.destination} mono />
            <span className="dim">← <Safe value={m.source} mono /></span>
            {m.read_only ? <span className="chip">{t('containers.readOnly')}</span> : null}
            {/(docker|containerd|crio|podman)\.sock$/.test(m.source) ? <WarnTag hint={t('containers.socketHint')}>{t('containers.socket')}</WarnTag> : null}
          </div>
        ))}
      </section>
      <section>
        <Title order={3} mb={8}>{t('containers.runtime')}</Title>
        <Facts
          items={[
            [t('containers.runtime'), w.runtime ? <Safe key="r" value={w.runtime} /> : ''],
            [t('containers.networkMode'), <Safe key="n" value={w.network_mode} />],
            [t('containers.created'), dateTime(w.created_at)],
            ['CPU', w.cpus || t('containers.noLimit')],
            [t('containers.imageId'), <Safe key="i" value={w.image_id} mono wrap />],
            [t('containers.id'), <Safe key="id" value={w.id} mono wrap />],
          ]}
        />
      </section>
    </div>
  );
}
