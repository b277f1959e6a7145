import { Anchor, Button, Code, CopyButton, Drawer, Spoiler, Title } from '@mantine/core';
import { IconArrowDown, IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Facts } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { LevelTag, VerdictTag } from '../../components/Tags';
import { MATCHED, ruleLink } from '../../services/detection';
import { bytes, count, dateTime, protocol } from '../../services/format';
import { safeText } from '../../services/text';
import { entryGroup } from '../../services/trend';
import type { Entry } from '../../services/types';
import { recordVerdict } from '../../services/verdict';

/** Everything one record says. */
export function EventDrawer({ entry, onClose }: { entry: Entry | null; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer opened={entry !== null} onClose={onClose} size={560} title={entry ? <Safe value={entry.name} /> : ''} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {entry ? <Detail entry={entry} /> : null}
    </Drawer>
  );
}

function Detail({ entry: e }: { entry: Entry }) {
  const { t } = useTranslation();
  const verdict = recordVerdict(e);
  const raw = JSON.stringify(e, null, 2);
  return (
    <div style={{ display: 'grid', gap: 20, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <div className="toolbar">
        <VerdictTag verdict={verdict} mechanism={e.mechanism} />
        <LevelTag level={e.level} />
        <span className="dim">{dateTime(e.reported_timestamp)}</span>
      </div>
      {e.message ? <p style={{ margin: 0, lineHeight: 1.5 }}><Safe value={e.message} wrap /></p> : null}
      {verdict === 'deny' || verdict === 'violate' ? (
        <div className="tag" data-tone={verdict} style={{ whiteSpace: 'normal', padding: '8px 12px', lineHeight: 1.5 }}>
          {verdict === 'deny' ? t('events.stoppedBy', { mechanism: t(`mechanism.${e.mechanism || 'unknown'}`, e.mechanism ?? '') }) : t('events.letPass')}
        </div>
      ) : null}
      {e.kind === 'incident' ? <Chain entry={e} /> : null}
      {e.kind === 'violation' || e.kind === 'threat' ? <Traffic entry={e} /> : null}
      {e.kind === 'event' ? <Activity entry={e} /> : null}
      <Where entry={e} />
      {e.items?.length ? <Section title={t('events.items')}>{e.items.map((item, i) => <div key={i}><Safe value={item} wrap /></div>)}</Section> : null}
      <Section title={t('events.raw')}>
        <Spoiler maxHeight={140} showLabel={t('events.more')} hideLabel={t('events.less')}>
          <Code block>{safeText(raw, 20_000).replaceAll('\\n', '\n')}</Code>
        </Spoiler>
        <CopyButton value={raw}>
          {({ copied, copy }) => (
            <Button mt="sm" variant="default" leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />} onClick={copy}>
              {t(copied ? 'common.copied' : 'events.copy')}
            </Button>
          )}
        </CopyButton>
      </Section>
    </div>
  );
}

const Section = ({ title, children }: { title: string; children: ReactNode }) => (
  <section>
    <Title order={3} mb={8}>{title}</Title>
    {children}
  </section>
);

/** Who started it, and what was run. */
function Chain({ entry: e }: { entry: Entry }) {
  const { t } = useTranslation();
  const user = e.proc_effective_user && e.proc_effective_user !== e.proc_real_user ? `${e.proc_real_user ?? ''} → ${e.proc_effective_user}` : e.proc_effective_user || e.proc_real_user;
  // The nearest is the parent, which has a card of its own.
  const known = e.proc_parent_name || e.proc_parent_path ? (e.proc_ancestors ?? []).slice(1) : (e.proc_ancestors ?? []);
  const elders = known.toReversed();
  return (
    <Section title={t('events.process')}>
      {elders.length ? <Ancestors names={elders} /> : null}
      {e.proc_parent_name || e.proc_parent_path ? (
        <>
          <div className="card" style={{ padding: '8px 12px' }}>
            <div style={{ fontWeight: 550 }}><Safe value={e.proc_parent_name} /></div>
            <div className="dim"><Safe value={e.proc_parent_path} mono wrap /></div>
          </div>
          <IconArrowDown size={16} className="dim" style={{ margin: '3px 0 3px 14px', display: 'block' }} aria-label={t('events.started')} />
        </>
      ) : null}
      <div className="card" style={{ padding: '8px 12px', borderColor: 'var(--rp-chart-deny)' }}>
        <div style={{ fontWeight: 550 }}><Safe value={e.proc_name} /></div>
        <div className="dim"><Safe value={e.proc_path} mono wrap /></div>
        {e.proc_cmd ? <Code block mt={8} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}><Safe value={e.proc_cmd} wrap />{e.proc_cmd_truncated ? <span className="dim"> {t('events.cut')}</span> : null}</Code> : null}
      </div>
      <div style={{ marginTop: 10 }}>
        <Facts
          items={[
            [t('events.user'), user ? <Safe key="u" value={user} /> : ''],
            [t('events.tried'), e.operation ? t(`operation.${e.operation}`, e.operation) : ''],
            [t('events.cwd'), e.proc_cwd ? <Safe key="cwd" value={e.proc_cwd} mono wrap /> : ''],
            [t('events.file'), e.file_path ? <Safe key="f" value={e.file_path} mono wrap /> : ''],
            [t('events.times'), (e.count ?? 1) > 1 ? count(e.count) : ''],
            [t('events.rule'), e.rule_id ? <RuleName key="r" entry={e} /> : ''],
          ]}
        />
      </div>
    </Section>
  );
}

/** Detection rules have a page; ids of process rules are shown as they are. */
function RuleName({ entry: e }: { entry: Entry }) {
  const name = e.rule_id ?? '';
  if (e.name !== MATCHED) return <Safe value={name} mono wrap />;
  return <Link className="link" to={ruleLink(name)}><Safe value={name} wrap /></Link>;
}

/** The line of ancestors, the oldest first, down to the process. */
function Ancestors({ names }: { names: string[] }) {
  const { t } = useTranslation();
  return (
    <ol aria-label={t('events.ancestors')} style={{ listStyle: 'none', margin: '0 0 6px', padding: 0 }}>
      {names.map((name, depth) => (
        <li key={`${depth} ${name}`} className="dim" style={{ paddingLeft: Math.min(depth, 8) * 14, lineHeight: 1.6 }}>
          {depth > 0 ? '└ ' : ''}<Safe value={name} />
        </li>
      ))}
    </ol>
  );
}

function Traffic({ entry: e }: { entry: Entry }) {
  const { t } = useTranslation();
  const client = e.client_name || e.client_workload_name;
  const server = e.server_name || e.server_workload_name;
  return (
    <Section title={t('events.traffic')}>
      <Facts
        items={[
          [t('events.client'), <span key="c"><Safe value={client} /> <span className="dim mono">{e.client_ip}</span></span>],
          [t('events.server'), <span key="s"><Safe value={e.fqdn || server} /> <span className="dim mono">{e.server_ip}</span></span>],
          [t('network.ports'), e.server_port ? `${protocol(e.ip_proto)}/${e.server_port}` : protocol(e.ip_proto)],
          [t('network.applications'), <Safe key="a" value={(e.applications ?? []).join(', ') || e.application} />],
          [t('events.process'), e.proc_path || e.proc_cmd ? <Safe key="p" value={e.proc_cmd || e.proc_path} mono wrap /> : ''],
          [t('network.sessions'), count(e.sessions ?? e.count)],
          [t('network.bytes'), e.bytes === undefined ? '' : bytes(e.bytes)],
          [t('events.rule'), e.policy_id ? <Link key="r" className="link" to="/rules">{e.policy_id}</Link> : t('network.implicit')],
        ]}
      />
    </Section>
  );
}

function Activity({ entry: e }: { entry: Entry }) {
  const { t } = useTranslation();
  return (
    <Section title={t('events.activity')}>
      <Facts
        items={[
          [t('events.category'), e.category],
          [t('events.who'), e.user ? <Safe key="u" value={e.user} /> : ''],
          [t('events.from'), e.user_addr ? <Safe key="a" value={e.user_addr} mono /> : ''],
          [t('events.request'), e.rest_request ? <Safe key="r" value={`${e.rest_method ?? ''} ${e.rest_request}`} mono wrap /> : ''],
          [t('events.body'), e.rest_body ? <Safe key="b" value={e.rest_body} mono wrap /> : ''],
        ]}
      />
    </Section>
  );
}

function Where({ entry: e }: { entry: Entry }) {
  const { t } = useTranslation();
  const id = e.workload_id || (e.kind === 'violation' ? e.client_id : '');
  const group = entryGroup(e);
  return (
    <Section title={t('events.where')}>
      <Facts
        items={[
          [t('events.container'), id && id !== 'external' ? <Anchor key="w" component={Link} fz="inherit" to={`/containers/${encodeURIComponent(id)}`}><Safe value={e.workload_name || e.client_name || id.slice(0, 12)} /></Anchor> : e.workload_name ? <Safe key="w" value={e.workload_name} /> : ''],
          [t('events.group'), group ? <Anchor key="g" component={Link} fz="inherit" to={`/groups/${encodeURIComponent(group)}`}><Safe value={group} /></Anchor> : ''],
          [t('containers.image'), e.workload_image ? <Safe key="i" value={e.workload_image} wrap /> : ''],
          [t('containers.domain'), e.workload_domain ? <Safe key="d" value={e.workload_domain} /> : ''],
          [t('events.node'), e.host_name ? <Safe key="h" value={e.host_name} /> : ''],
        ]}
      />
    </Section>
  );
}
