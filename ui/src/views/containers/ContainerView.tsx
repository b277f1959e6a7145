import { Anchor, Breadcrumbs, Tabs } from '@mantine/core';
import { IconBug, IconFileText, IconListTree, IconNetwork, IconShield, IconTag } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { Card, Facts, Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Gate, LoadingRows } from '../../components/States';
import { ModeTag, QuarantineTag, StateTag, TierTag, WarnTag } from '../../components/Tags';
import { bytes, dateTime, seconds } from '../../services/format';
import { useParam } from '../../services/params';
import { givenReason, isQuarantined } from '../../services/quarantine';
import { enforcers, workload } from '../../services/queries';
import type { Workload } from '../../services/types';
import { DetailsTab } from './DetailsTab';
import { EventsTab } from './EventsTab';
import { NetworkTab } from './NetworkTab';
import { ProcessTree } from './ProcessTree';
import { ProfileTab } from './ProfileTab';
import { QuarantineAction, QuarantineNote } from './Quarantine';
import { VulnerabilitiesTab } from './VulnerabilitiesTab';

export default function ContainerView() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useQuery(workload(id));
  return (
    <Gate query={query} loading={<Page title={t('containers.title')}><LoadingRows rows={10} /></Page>}>
      {(w) => (
        <Page
          title={
            <Breadcrumbs separator="/" separatorMargin={8}>
              <Anchor component={Link} to="/containers" fz="inherit" fw={500} c="dimmed">{t('containers.title')}</Anchor>
              <Safe value={w.display_name || w.name || w.id.slice(0, 12)} max={80} />
            </Breadcrumbs>
          }
          actions={<><Badges workload={w} /><QuarantineAction workload={w} /></>}
        >
          <QuarantineNote workload={w} />
          <div className="grid sided">
            <Identity workload={w} />
            <Parts workload={w} />
          </div>
        </Page>
      )}
    </Gate>
  );
}

function Badges({ workload: w }: { workload: Workload }) {
  const { t } = useTranslation();
  return (
    <>
      {w.privileged ? <WarnTag hint={t('containers.privilegedHint')}>{t('containers.privileged')}</WarnTag> : null}
      {w.run_as_root ? <WarnTag hint={t('containers.rootHint')}>{t('containers.root')}</WarnTag> : null}
      {isQuarantined(w) ? <QuarantineTag reason={givenReason(w)} /> : null}
      <StateTag running={w.running} exitCode={w.exit_code} />
    </>
  );
}

function Identity({ workload: w }: { workload: Workload }) {
  const { t } = useTranslation();
  const node = useQuery(enforcers()).data?.find((e) => e.host_id === w.host_id);
  const digest = Array.isArray(w.image_digest) ? w.image_digest[0] : w.image_digest;
  const secured = seconds(w.secured_at);
  const delay = secured - seconds(w.started_at);
  return (
    <div className="grid side">
      <Card title={t('containers.enforcement')}>
        <Facts
          items={[
            [t('containers.group'), <Link key="g" className="link" to={`/groups/${encodeURIComponent(w.service_group)}`}><Safe value={w.service_group} /></Link>],
            [t('containers.alsoIn'), (w.groups ?? []).filter((g) => g !== w.service_group).length ? <span key="gs">{w.groups?.filter((g) => g !== w.service_group).map((g) => <div key={g}><Link className="link" to={`/groups/${encodeURIComponent(g)}`}><Safe value={g} /></Link></div>)}</span> : ''],
            [t('mode.network'), <ModeTag key="n" mode={w.policy_mode} />],
            [t('mode.profile'), <ModeTag key="p" mode={w.profile_mode} />],
            [t('groups.baseline'), w.baseline_profile ? t(`baseline.${w.baseline_profile}`, w.baseline_profile) : ''],
            [t('nodes.tier'), node?.tier ? <TierTag key="t" tier={node.tier} /> : ''],
            [t('containers.secured'), secured > 0 ? t(delay <= 0 ? 'containers.securedAtStart' : 'containers.securedAfter', { at: dateTime(secured), count: delay }) : t('containers.notSecured')],
          ]}
        />
      </Card>
      <Card title={t('containers.identity')}>
        <Facts
          items={[
            [t('containers.image'), <Safe key="i" value={w.image} wrap breaks />],
            [t('containers.digest'), digest ? <Safe key="d" value={digest} mono clip /> : ''],
            [t('containers.id'), <Safe key="id" value={w.id.slice(0, 12)} mono />],
            [t('containers.domain'), w.domain ? <Safe key="dom" value={w.domain} /> : ''],
            [t('containers.pod'), w.pod_name ? <Safe key="pod" value={w.pod_name} /> : ''],
            [t('containers.node'), w.host_name ? <Link key="node" className="link" to={`/nodes/${encodeURIComponent(w.host_id ?? '')}`}><Safe value={w.host_name} /></Link> : ''],
            [t('containers.started'), dateTime(w.started_at)],
            [t('containers.finished'), w.running === false && seconds(w.finished_at) > 0 ? dateTime(w.finished_at) : ''],
            [t('containers.memory'), w.memory_limit ? bytes(w.memory_limit) : t('containers.noLimit')],
          ]}
        />
      </Card>
    </div>
  );
}

const ICON = { size: 15, stroke: 1.8, 'aria-hidden': true } as const;

function Parts({ workload: w }: { workload: Workload }) {
  const { t } = useTranslation();
  const [tab, setTab] = useParam('tab', 'processes');
  return (
    <div className="card">
      <Tabs value={tab} onChange={setTab}>
        <Tabs.List pl="xs">
          <Tabs.Tab value="processes" leftSection={<IconListTree {...ICON} />}>{t('containers.processes')}</Tabs.Tab>
          <Tabs.Tab value="profile" leftSection={<IconShield {...ICON} />}>{t('containers.profile')}</Tabs.Tab>
          <Tabs.Tab value="network" leftSection={<IconNetwork {...ICON} />}>{t('containers.network')}</Tabs.Tab>
          <Tabs.Tab value="vulnerabilities" leftSection={<IconBug {...ICON} />}>{t('containers.vulnerabilities')}</Tabs.Tab>
          <Tabs.Tab value="events" leftSection={<IconFileText {...ICON} />}>{t('containers.events')}</Tabs.Tab>
          <Tabs.Tab value="details" leftSection={<IconTag {...ICON} />}>{t('containers.details')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="processes"><ProcessTree workload={w} /></Tabs.Panel>
        <Tabs.Panel value="profile"><ProfileTab workload={w} /></Tabs.Panel>
        <Tabs.Panel value="network"><NetworkTab workload={w} /></Tabs.Panel>
        <Tabs.Panel value="vulnerabilities"><VulnerabilitiesTab workload={w} /></Tabs.Panel>
        <Tabs.Panel value="events"><EventsTab workload={w} /></Tabs.Panel>
        <Tabs.Panel value="details"><DetailsTab workload={w} /></Tabs.Panel>
      </Tabs>
    </div>
  );
}
