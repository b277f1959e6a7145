import { Code, Drawer, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Facts } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Gate } from '../../components/States';
import { LevelTag, RuleStateTag } from '../../components/Tags';
import { detectionRule, MATCHED, techniqueLink } from '../../services/detection';
import { count, dateTime, stamp } from '../../services/format';
import type { DetectionRuleDetail, Entry, LogRecord } from '../../services/types';
import { EventDrawer } from '../events/EventDrawer';
import { entryKey } from '../events/EventTable';

/** One rule: what it looks for, where it can, and what it found last. */
export function RuleDrawer({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation();
  const query = useQuery({ ...detectionRule(name), enabled: name !== '' });
  return (
    <Drawer opened={name !== ''} onClose={onClose} size={640} title={<Safe value={name} />} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {name ? <Gate query={query}>{(rule) => <Detail rule={rule} />}</Gate> : null}
    </Drawer>
  );
}

function Detail({ rule: r }: { rule: DetectionRuleDetail }) {
  const { t } = useTranslation();
  return (
    <div style={{ display: 'grid', gap: 18, gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <div className="toolbar">
        <RuleStateTag state={r.state} />
        <LevelTag level={r.priority} />
      </div>
      {r.reason ? <div className="tag" data-tone={r.state === 'silent' ? 'violate' : 'muted'} style={{ whiteSpace: 'normal', padding: '8px 12px', lineHeight: 1.5 }}><Safe value={r.reason} wrap /></div> : null}
      {r.description ? <p style={{ margin: 0, lineHeight: 1.55 }}><Safe value={r.description} wrap /></p> : null}
      <Facts
        items={[
          [t('detection.technique'), r.techniques?.length ? <Techniques key="t" list={r.techniques} /> : ''],
          [t('detection.tags'), <Safe key="g" value={(r.tags ?? []).join(', ')} wrap empty="" />],
          [t('detection.file'), r.file ? <Safe key="f" value={`${r.file}:${r.line ?? 0}`} mono wrap /> : ''],
          [t('detection.events'), <Safe key="e" value={(r.events ?? []).join(', ')} mono wrap empty="" />],
          [t('detection.hits'), count(r.hits)],
          [t('detection.last'), r.last_seen_timestamp ? dateTime(r.last_seen_timestamp) : t('detection.never')],
        ]}
      />
      <Text title={t('detection.condition')} text={r.condition} />
      <Text title={t('detection.output')} text={r.output} />
      <Where rule={r} />
      <Recent rule={r} />
    </div>
  );
}

function Techniques({ list }: { list: string[] }) {
  return (
    <span className="toolbar" style={{ gap: 8 }}>
      {list.map((tag) => <a key={tag} className="link mono" href={techniqueLink(tag)} target="_blank" rel="noopener noreferrer">{tag}</a>)}
    </span>
  );
}

function Text({ title, text }: { title: string; text: string | undefined }) {
  if (!text) return null;
  return (
    <section>
      <Title order={3} mb={8}>{title}</Title>
      <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', fontVariantLigatures: 'none' }}><Safe value={text} wrap max={9000} /></Code>
    </section>
  );
}

const LINE = { display: 'flex', gap: 10, alignItems: 'center', padding: '5px 0', borderTop: '1px solid var(--mantine-color-default-border)' } as const;

function Where({ rule }: { rule: DetectionRuleDetail }) {
  const { t } = useTranslation();
  return (
    <section>
      <Title order={3} mb={8}>{t('detection.nodes')}</Title>
      {(rule.nodes ?? []).slice(0, 100).map((n) => (
        <div key={n.id} style={LINE}>
          <Link className="link" style={{ flex: 1, minWidth: 0 }} to={`/nodes/${encodeURIComponent(n.id)}`}><Safe value={n.name || n.id} clip /></Link>
          <RuleStateTag state={n.state} reason={n.reason} />
          <span className="num dim" style={{ minWidth: 70, textAlign: 'right' }}>{t('detection.hitCount', { count: n.hits ?? 0 })}</span>
        </div>
      ))}
    </section>
  );
}

/** The newest incidents; each opens as it does on the events page. */
function Recent({ rule }: { rule: DetectionRuleDetail }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Entry | null>(null);
  const entries = (rule.recent ?? []).map((record): Entry => ({ ...(record as LogRecord), kind: 'incident' }));
  const all = `/events?tab=incident&q=${encodeURIComponent(rule.name)}`;
  return (
    <section>
      <div style={{ display: 'flex', alignItems: 'baseline', marginBottom: 8 }}>
        <Title order={3}>{t('detection.recent')}</Title>
        {entries.length ? <Link className="link" style={{ marginLeft: 'auto' }} to={all}>{t('detection.all')}</Link> : null}
      </div>
      {entries.length === 0 ? <p className="dim" style={{ margin: 0 }}>{t('detection.noIncidents')}</p> : null}
      {entries.slice(0, 20).map((e) => (
        <button type="button" key={entryKey(e)} className="row-button" style={LINE} onClick={() => setOpen(e)}>
          <span className="num dim" style={{ width: 130, flex: 'none' }}>{stamp(e.reported_timestamp)}</span>
          <span style={{ flex: 1, minWidth: 0 }}>
            <Safe value={e.workload_name || e.host_name} clip />
            <span className="dim mono" style={{ display: 'block', fontSize: 12 }}><Safe value={e.proc_cmd || e.proc_path || (e.name === MATCHED ? e.message : e.name)} clip /></span>
          </span>
        </button>
      ))}
      <EventDrawer entry={open} onClose={() => setOpen(null)} />
    </section>
  );
}
