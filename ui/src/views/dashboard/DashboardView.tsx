import { Anchor } from '@mantine/core';
import { IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { Legend, SplitBar, StackedBars } from '../../components/Charts';
import { Card, Page } from '../../components/Page';
import { Safe } from '../../components/Safe';
import { Empty, Gate, LoadingRows } from '../../components/States';
import { LevelTag, TierTag, VerdictTag, WarnTag } from '../../components/Tags';
import { age, count, short } from '../../services/format';
import { enforcers, groups, hours, logPage, recent, summary, workloads } from '../../services/queries';
import { dayTotals, hourBars, modeShares, RANKED, topGroups } from '../../services/trend';
import type { Entry, Enforcer } from '../../services/types';
import { recordVerdict } from '../../services/verdict';
import { losses, nodeNumbers } from '../nodes/counters';
import { entryObject, entrySubject } from '../events/entry';

const dayAgo = () => Math.floor(Date.now() / 1000) - 24 * 3600;
/** Read again every so often, not with every event. */
const calm = { refetchInterval: 15_000, staleTime: 10_000 };

const day = () => ({ queryKey: ['trend', 'hours'], queryFn: ({ signal }: { signal: AbortSignal }) => hours(dayAgo(), signal), ...calm });

const ranked = () => ({
  queryKey: ['trend', 'groups'],
  queryFn: ({ signal }: { signal: AbortSignal }) => logPage('security', { start: 0, limit: RANKED, f_reported_timestamp: `gte,${dayAgo()}` }, signal),
  ...calm,
});

export default function DashboardView() {
  const { t } = useTranslation();
  return (
    <Page title={t('dashboard.title')} note={t('dashboard.note')}>
      <Numbers />
      <div className="grid" style={{ gridTemplateColumns: 'minmax(0, 2fr) minmax(300px, 1fr)' }}>
        <Trend />
        <Modes />
      </div>
      <div className="grid lists">
        <RecentIncidents />
        <div className="grid">
          <TopGroups />
          <Nodes />
        </div>
      </div>
    </Page>
  );
}

function Stat({ to, label, value, note, tone }: { to: string; label: string; value: ReactNode; note?: ReactNode; tone?: string }) {
  return (
    <Link className="card stat" to={to}>
      <span className="stat-label">{label}</span>
      <span className="stat-value" style={{ color: tone ? `var(--rp-${tone})` : undefined }}>{value}</span>
      <span className="stat-note">{note}</span>
    </Link>
  );
}

function Numbers() {
  const { t } = useTranslation();
  const totals = useQuery(summary());
  const all = useQuery(groups());
  const list = useQuery(day());
  const nodes = useQuery(enforcers());
  const s = totals.data;
  const learned = (all.data ?? []).filter((g) => g.learned && !g.reserved);
  const guarded = learned.filter((g) => g.policy_mode === 'Protect' || g.profile_mode === 'Protect').length;
  const verdicts = dayTotals(list.data ?? []);
  const lost = losses(nodes.data ?? []);
  const dash = '–';
  return (
    <div className="grid stats">
      <Stat to="/containers" label={t('dashboard.running')} value={s ? count(s.running_workloads) : dash} note={s ? t('dashboard.ofSeen', { count: s.workloads }) : ''} />
      <Stat to="/groups" label={t('dashboard.protected')} value={all.data ? `${guarded}/${learned.length}` : dash} note={t('dashboard.protectedNote')} />
      <Stat to="/events?verdict=deny" label={t('dashboard.denied')} value={list.data ? short(verdicts.deny) : dash} note={t('dashboard.last24')} tone={verdicts.deny ? 'deny' : undefined} />
      <Stat to="/events?verdict=violate" label={t('dashboard.violated')} value={list.data ? short(verdicts.violate) : dash} note={t('dashboard.violatedNote')} tone={verdicts.violate ? 'violate' : undefined} />
      <Stat to="/rules" label={t('dashboard.rules')} value={s ? count(s.policy_rules) : dash} note={t('dashboard.rulesNote')} />
      <Stat to="/nodes" label={t('dashboard.nodes')} value={s ? count(s.hosts) : dash} note={lost > 0 ? <WarnTag>{t('dashboard.lost', { count: lost, n: short(lost) })}</WarnTag> : t('dashboard.noLoss')} />
    </div>
  );
}

function Trend() {
  const { t } = useTranslation();
  const query = useQuery(day());
  const series = [
    { key: 'deny', label: t('verdict.deny'), color: 'var(--rp-chart-deny)' },
    { key: 'violate', label: t('verdict.violate'), color: 'var(--rp-chart-violate)' },
    { key: 'other', label: t('verdict.other'), color: 'var(--rp-chart-learn)' },
  ];
  return (
    <Card title={t('dashboard.trend')} aside={<Legend series={series} />}>
      <Gate query={query} loading={<LoadingRows rows={6} height={22} />}>
        {(list) => <StackedBars bars={hourBars(list, Date.now() / 1000)} series={series} label={t('dashboard.trend')} />}
      </Gate>
    </Card>
  );
}

function Modes() {
  const { t } = useTranslation();
  const query = useQuery(groups());
  const containers = useQuery(workloads());
  const series = (shares: Record<string, number>) =>
    [
      ['Protect', 'allow'],
      ['Monitor', 'violate'],
      ['Discover', 'learn'],
    ].map(([mode = '', tone = '']) => ({ key: mode, label: t(`mode.${mode.toLowerCase()}`), color: `var(--rp-chart-${tone})`, value: shares[mode] ?? 0 }));
  return (
    <Card title={t('dashboard.modes')} aside={<Anchor component={Link} to="/groups" size="xs">{t('dashboard.change')}</Anchor>}>
      <Gate query={query}>
        {(all) => {
          const learned = all.filter((g) => g.learned && !g.reserved);
          if (learned.length === 0) return <Empty title={t('groups.emptyTitle')}>{t('groups.emptyText')}</Empty>;
          const rows: [string, ReturnType<typeof series>][] = [
            [t('mode.network'), series(modeShares(learned, 'policy_mode'))],
            [t('mode.profile'), series(modeShares(learned, 'profile_mode'))],
          ];
          const running = (containers.data ?? []).filter((w) => w.running !== false);
          if (running.length) rows.push([t('dashboard.containersBy'), series(modeShares(running, 'profile_mode'))]);
          return (
            <div className="grid" style={{ gap: 17 }}>
              {rows.map(([label, parts]) => (
                <div key={label}>
                  <div style={{ fontSize: 12.5, marginBottom: 6, display: 'flex', justifyContent: 'space-between' }}>
                    <span>{label}</span>
                    <span className="dim num">{parts.map((p) => p.value).join(' · ')}</span>
                  </div>
                  <SplitBar parts={parts} label={label} />
                </div>
              ))}
              <Legend series={series({})} />
            </div>
          );
        }}
      </Gate>
    </Card>
  );
}

function RecentIncidents() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const query = useQuery(recent('security', 10));
  const open = (e: Entry) => void navigate(`/events?tab=${e.kind}&id=${encodeURIComponent(e.id ?? '')}`);
  return (
    <Card title={t('dashboard.recent')} aside={<Anchor component={Link} to="/events" size="xs">{t('dashboard.all')}</Anchor>} pad={false}>
      <Gate query={query}>
        {(entries) =>
          entries.length === 0 ? (
            <Empty title={t('dashboard.quiet')} icon={<IconShieldCheck size={30} stroke={1.4} aria-hidden />}>{t('dashboard.quietText')}</Empty>
          ) : (
            <div className="table-box">
              <table className="dt">
                <tbody>
                  {entries.slice(0, 10).map((e) => (
                    <tr key={`${e.kind}:${e.id}`} data-click tabIndex={0} onClick={() => open(e)} onKeyDown={(k) => k.key === 'Enter' && open(e)}>
                      <td style={{ width: 66 }} className="dim num">{age(e.reported_timestamp)}</td>
                      <td style={{ width: 104 }}><VerdictTag verdict={recordVerdict(e)} mechanism={e.mechanism} /></td>
                      <td style={{ width: '17%' }}><Safe value={entrySubject(e)} clip /></td>
                      <td><Safe value={entryObject(e)} clip mono /></td>
                      <td style={{ width: 106 }}><LevelTag level={e.level} /></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Gate>
    </Card>
  );
}

function TopGroups() {
  const { t } = useTranslation();
  const query = useQuery(ranked());
  return (
    <Card title={t('dashboard.top')}>
      <Gate query={query} loading={<LoadingRows rows={4} />}>
        {(entries) => {
          const rows = topGroups(entries, 5);
          const max = rows[0]?.total ?? 1;
          if (rows.length === 0) return <span className="dim">{t('common.none')}</span>;
          return (
            <div className="grid" style={{ gap: 10 }}>
              {rows.map((row) => (
                <div key={row.group}>
                  <div style={{ display: 'flex', fontSize: 12.5, gap: 8, marginBottom: 4 }}>
                    <Link className="link clip" to={`/groups/${encodeURIComponent(row.group)}`}><Safe value={row.group} clip /></Link>
                    <span className="dim num" style={{ marginLeft: 'auto', whiteSpace: 'nowrap' }}>{t('dashboard.topRow', { denied: count(row.deny), total: count(row.total) })}</span>
                  </div>
                  <div className="meter" style={{ display: 'flex' }}>
                    <span style={{ width: `${(100 * row.deny) / max}%`, borderRadius: 0 }} />
                    <span style={{ width: `${(100 * (row.total - row.deny)) / max}%`, background: 'var(--rp-chart-violate)', borderRadius: 0 }} />
                  </div>
                </div>
              ))}
              {entries.length >= RANKED ? <span className="dim" style={{ fontSize: 12 }}>{t('dashboard.topCut', { count: RANKED })}</span> : null}
            </div>
          );
        }}
      </Gate>
    </Card>
  );
}

function Nodes() {
  const { t } = useTranslation();
  const query = useQuery(enforcers());
  const row = (e: Enforcer) => {
    const numbers = nodeNumbers(e.counters);
    return (
      <Link key={e.id} to={`/nodes/${encodeURIComponent(e.host_id)}`} style={{ display: 'flex', alignItems: 'center', gap: 10, fontSize: 13, textDecoration: 'none', color: 'inherit' }}>
        <Safe value={e.host_name} clip />
        <span style={{ marginLeft: 'auto', display: 'flex', gap: 6 }}>
          {numbers.lost > 0 ? <WarnTag hint={t('nodes.lostHint')}>{t('nodes.lost', { n: short(numbers.lost) })}</WarnTag> : null}
          <TierTag tier={e.tier} />
        </span>
      </Link>
    );
  };
  return (
    <Card title={t('dashboard.nodeTiers')} aside={<Anchor component={Link} to="/nodes" size="xs">{t('dashboard.details')}</Anchor>}>
      <Gate query={query} loading={<LoadingRows rows={3} />}>
        {(all) => (all.length ? <div className="grid" style={{ gap: 9 }}>{all.map(row)}</div> : <Empty title={t('nodes.emptyTitle')}>{t('nodes.emptyText')}</Empty>)}
      </Gate>
    </Card>
  );
}
