import { IconServer2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { Card, Facts, Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { StrengthTag, TierTag, WarnTag } from '../../components/Tags';
import { detectionRules } from '../../services/detection';
import { age, bytes, count, percent, short } from '../../services/format';
import { enforcers, enforcerStats, hosts } from '../../services/queries';
import { hostReport, hostSbom, scanHost } from '../../services/scan';
import type { Capability, Counters, Enforcer, Host } from '../../services/types';
import { Scanners } from './Scanners';
import { ReportPanel } from '../scan/ReportPanel';
import { counterNames, counterValue, counterWords, LOSSES, nodeNumbers } from './counters';

interface Node {
  host: Host;
  enforcer?: Enforcer;
}

const tierOf = (n: Node) => n.enforcer?.tier ?? n.host.tier;
const countersOf = (n: Node) => n.enforcer?.counters ?? n.host.counters;

/** Nodes left, the chosen one right. */
export default function NodesView() {
  const { t } = useTranslation();
  const { id } = useParams();
  const query = useQuery(hosts());
  const agents = useQuery(enforcers()).data ?? [];
  const nodes: Node[] = (query.data ?? []).map((host) => ({ host, enforcer: agents.find((e) => e.host_id === host.id || e.host_name === host.name) }));
  const chosen = nodes.find((n) => n.host.id === id) ?? nodes[0];
  return (
    <Page title={t('nodes.title')} note={query.data ? t('nodes.note', { count: nodes.length }) : ''}>
      <Gate query={query} loading={<LoadingRows rows={10} />}>
        {() =>
          chosen ? (
            <div className="grid sided">
              <nav className="grid side" aria-label={t('nodes.title')}>
                {nodes.map((n) => <NodeCard key={n.host.id} node={n} active={n === chosen} />)}
              </nav>
              <NodeDetail node={chosen} />
            </div>
          ) : (
            <Empty title={t('nodes.emptyTitle')} icon={<IconServer2 size={30} stroke={1.4} aria-hidden />}>{t('nodes.emptyText')}</Empty>
          )
        }
      </Gate>
    </Page>
  );
}

function NodeCard({ node, active }: { node: Node; active: boolean }) {
  const { t } = useTranslation();
  const numbers = nodeNumbers(countersOf(node));
  const off = node.enforcer?.connection_state === 'disconnected';
  return (
    <Link className="card stat" to={`/nodes/${encodeURIComponent(node.host.id)}`} aria-current={active} style={active ? { borderColor: 'var(--mantine-primary-color-filled)', background: 'var(--rp-selected)' } : undefined}>
      <span style={{ display: 'flex', gap: 8, alignItems: 'center', fontWeight: 600, marginBottom: 4 }}>
        <Safe value={node.host.name} clip />
        <span style={{ marginLeft: 'auto' }}><TierTag tier={tierOf(node)} /></span>
      </span>
      <span className="stat-note">{t('nodes.cardNote', { count: node.host.containers ?? 0, kernel: node.host.kernel ?? '–' })}</span>
      {off || numbers.lost > 0 ? (
        <span className="toolbar" style={{ marginTop: 6 }}>
          {off ? <WarnTag hint={t('nodes.offHint')}>{t('nodes.off')}</WarnTag> : null}
          {numbers.lost > 0 ? <WarnTag hint={t('nodes.lostHint')}>{t('nodes.lost', { n: short(numbers.lost) })}</WarnTag> : null}
        </span>
      ) : null}
    </Link>
  );
}

function NodeDetail({ node }: { node: Node }) {
  const { t } = useTranslation();
  const { host, enforcer } = node;
  const stats = useQuery({ ...enforcerStats(enforcer?.id ?? ''), enabled: Boolean(enforcer) }).data;
  const tier = tierOf(node);
  return (
    <div className="grid">
      <Card title={<Safe value={host.name} />} aside={<TierTag tier={tier} />}>
        <p style={{ margin: '0 0 12px', lineHeight: 1.5 }} className="dim">{tier ? t(`tier.${tier}.hint`, '') : ''}</p>
        <div style={{ display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(250px, 1fr))', gap: '5px 32px' }}>
          <Facts items={[[t('nodes.os'), host.os], [t('nodes.kernel'), host.kernel], [t('nodes.runtime'), `${host.runtime ?? ''} ${host.runtime_version ?? ''}`.trim()], [t('nodes.containers'), <Link key="c" className="link" to={`/containers?node=${encodeURIComponent(host.name)}`}>{count(host.containers)}</Link>]]} />
          <Facts items={[['CPU', host.cpus ? t('nodes.cpus', { count: host.cpus }) : ''], [t('nodes.memory'), host.memory ? bytes(host.memory) : ''], [t('nodes.addresses'), <Addresses key="a" host={host} />]]} />
          <Facts items={[[t('nodes.enforcer'), enforcer?.version], [t('nodes.connection'), enforcer ? t(`nodes.state_${enforcer.connection_state || 'connected'}`, enforcer.connection_state ?? '') : t('nodes.noEnforcer')], [t('nodes.joined'), enforcer?.joined_at ? t('common.ago', { age: age(enforcer.joined_at) }) : ''], [t('nodes.load'), stats ? `${percent(stats.cpu)} · ${bytes(stats.memory)}` : '']]} />
        </div>
      </Card>
      <LeftOut reasons={enforcer?.reasons ?? host.reasons ?? []} />
      <DetectionCard node={host.id} />
      <Card title={t('nodes.vulnerabilities')} pad={false}>
        <ReportPanel key={host.id} brief={host.scan_summary} report={hostReport(host.id)} sbom={hostSbom(host.id)} scan={() => scanHost(host.id)} name={host.name} kinds={['scan', 'node']} maxHeight="420px" />
      </Card>
      <Scanners />
      <Capabilities list={enforcer?.capabilities ?? host.capabilities ?? []} />
      <CounterCard counters={countersOf(node)} />
    </div>
  );
}

/** Addresses others can use first: link-local ones say little and are many. */
function Addresses({ host }: { host: Host }) {
  const { t } = useTranslation();
  const all = Object.values(host.interfaces ?? {}).flat().map((a) => a?.ip ?? '').filter((ip) => ip && !/^(fe80:|169\.254\.|127\.|::1$)/i.test(ip));
  return (
    <>
      {all.slice(0, 4).map((ip) => <div key={ip}><Safe value={ip} mono /></div>)}
      {all.length > 4 ? <span className="dim">{t('nodes.moreAddresses', { count: all.length - 4 })}</span> : null}
    </>
  );
}

/** Why the tier is not higher: what the kernel refused, what is missing and who can change it. */
function LeftOut({ reasons }: { reasons: string[] }) {
  const { t } = useTranslation();
  if (reasons.length === 0) return null;
  return (
    <Card title={t('nodes.leftOut')}>
      <ul style={{ margin: 0, paddingLeft: 18, lineHeight: 1.6 }}>
        {reasons.slice(0, 40).map((reason) => <li key={reason}><Safe value={reason} wrap /></li>)}
      </ul>
    </Card>
  );
}

/** How many detection rules work on this node. */
function DetectionCard({ node }: { node: string }) {
  const { t } = useTranslation();
  const rules = useQuery(detectionRules()).data ?? [];
  const here = rules.flatMap((r) => (r.nodes ?? []).filter((n) => n.id === node));
  const of = (state: string) => here.filter((n) => n.state === state).length;
  return (
    <Card title={t('nav.detection')} aside={<Link className="link" to="/detection">{t('nodes.allRules')}</Link>}>
      {here.length === 0 ? <span className="dim">{t('detection.emptyText')}</span> : (
        <Facts items={[[t('detection.state_live'), count(of('live'))], [t('detection.state_silent'), <Link key="s" className="link" to="/detection?state=silent">{count(of('silent'))}</Link>], [t('detection.state_off'), count(of('off'))], [t('detection.hits'), count(here.reduce((sum, n) => sum + (n.hits ?? 0), 0))]]} />
      )}
    </Card>
  );
}

function Capabilities({ list }: { list: Capability[] }) {
  const { t } = useTranslation();
  return (
    <Card title={t('nodes.capabilities')} pad={false}>
      {list.length === 0 ? <Empty title={t('nodes.noCapabilities')}>{t('nodes.noCapabilitiesText')}</Empty> : (
        <div className="table-box">
          <table className="dt" aria-label={t('nodes.capabilities')}>
            <thead><tr><th scope="col" style={{ width: '22%' }}>{t('nodes.rule')}</th><th scope="col" style={{ width: 140 }}>{t('nodes.strength')}</th><th scope="col" style={{ width: '26%' }}>{t('nodes.mechanism')}</th><th scope="col">{t('nodes.why')}</th></tr></thead>
            <tbody>
              {list.map((c) => (
                <tr key={c.name}>
                  <td style={{ whiteSpace: 'normal', lineHeight: 1.4 }}>{t(`capability.${c.name}`, c.name)}</td>
                  <td><StrengthTag strength={c.strength} /></td>
                  <td style={{ whiteSpace: 'normal', lineHeight: 1.4 }}>{c.mechanism ? t(`mechanism.${c.mechanism}`, c.mechanism) : <span className="dim">–</span>}</td>
                  <td className="dim" style={{ whiteSpace: 'normal', lineHeight: 1.4, paddingTop: 6, paddingBottom: 6 }}><Safe value={c.note} wrap empty="" /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function CounterCard({ counters }: { counters: Counters | null | undefined }) {
  const { t } = useTranslation();
  const bad = (key: string) => (LOSSES as readonly string[]).includes(key) && (counters?.[key] ?? 0) > 0;
  return (
    <Card title={t('nodes.counters')}>
      <div className="grid" style={{ gridTemplateColumns: 'repeat(auto-fill, minmax(150px, 1fr))', gap: 10 }}>
        {counterNames(counters).map((key) => (
          <div key={key} style={{ padding: '8px 10px', borderRadius: 6, background: bad(key) ? 'var(--rp-violate-bg)' : 'var(--rp-sunken)' }} data-warning={bad(key) || undefined}>
            <div className="stat-label" style={bad(key) ? { color: 'var(--rp-violate)' } : undefined}><Safe value={t(`counter.${key}`, counterWords(key))} max={60} /></div>
            <div className="num" style={{ fontSize: 16, fontWeight: 600, color: bad(key) ? 'var(--rp-violate)' : undefined }}>{counterValue(key, counters?.[key])}</div>
          </div>
        ))}
      </div>
      {LOSSES.some(bad) ? <p className="dim" style={{ margin: '12px 0 0', lineHeight: 1.5 }}>{t('nodes.lossAdvice')}</p> : null}
    </Card>
  );
}
