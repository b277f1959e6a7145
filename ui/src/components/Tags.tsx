import { Tooltip, VisuallyHidden } from '@mantine/core';
import {
  IconAlertTriangle, IconAlertTriangleFilled, IconBan, IconBook2, IconCircleCheck, IconClock, IconEye, IconEyeOff, IconInfoCircle, IconLoader2, IconNetworkOff, IconPlayerPlay, IconShieldCheck, IconShieldHalf, IconShieldLock, IconShieldOff, IconSkull,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { safeText } from '../services/text';
import type { Verdict } from '../services/types';
import { levelRank } from '../services/verdict';

type Tone = 'allow' | 'violate' | 'deny' | 'learn' | 'muted';
const SIZE = { size: 13, stroke: 2.2, 'aria-hidden': true } as const;

function Tag({ tone, icon, children, hint }: { tone: Tone; icon?: ReactNode; children: ReactNode; hint?: string }) {
  const tag = (
    <span className={icon ? 'tag' : 'tag plain'} data-tone={tone}>
      {icon}
      {children}
    </span>
  );
  return hint ? <Tooltip label={hint}>{tag}</Tooltip> : tag;
}

const VERDICT_ICON: Record<Verdict, ReactNode> = {
  allow: <IconCircleCheck {...SIZE} />,
  learn: <IconBook2 {...SIZE} />,
  violate: <IconAlertTriangle {...SIZE} />,
  deny: <IconBan {...SIZE} />,
};

export function VerdictTag({ verdict, mechanism }: { verdict: Verdict | undefined; mechanism?: string }) {
  const { t } = useTranslation();
  if (!verdict) return <span className="dim">–</span>;
  const killed = verdict === 'deny' && (mechanism === 'kill' || mechanism === 'kill-at-exec');
  return (
    <Tag tone={verdict} icon={killed ? <IconSkull {...SIZE} /> : VERDICT_ICON[verdict]} hint={mechanism ? t(`mechanism.${mechanism}`, mechanism) : undefined}>
      {killed ? t('verdict.killed') : t(`verdict.${verdict}`)}
    </Tag>
  );
}

export function LevelTag({ level }: { level: string }) {
  const rank = levelRank(level);
  const tone: Tone = rank >= 5 ? 'deny' : rank >= 3 ? 'violate' : 'muted';
  const icon = rank >= 5 ? <IconAlertTriangleFilled {...SIZE} /> : rank >= 3 ? <IconAlertTriangle {...SIZE} /> : <IconInfoCircle {...SIZE} />;
  return (
    <Tag tone={tone} icon={icon}>
      {level || '–'}
    </Tag>
  );
}

const MODES: Record<string, [Tone, ReactNode]> = {
  discover: ['learn', <IconBook2 {...SIZE} key="d" />],
  monitor: ['violate', <IconEye {...SIZE} key="m" />],
  protect: ['allow', <IconShieldCheck {...SIZE} key="p" />],
};

export function ModeTag({ mode }: { mode: string | undefined }) {
  const { t } = useTranslation();
  const known = MODES[(mode ?? '').toLowerCase()];
  if (!mode || !known) return <span className="dim">–</span>;
  return (
    <Tag tone={known[0]} icon={known[1]}>
      {t(`mode.${mode.toLowerCase()}`)}
    </Tag>
  );
}

const TIERS: Record<string, [Tone, ReactNode]> = {
  'bpf-lsm': ['allow', <IconShieldLock {...SIZE} key="l" />],
  fanotify: ['allow', <IconShieldHalf {...SIZE} key="f" />],
  detect: ['violate', <IconEye {...SIZE} key="d" />],
  none: ['deny', <IconShieldOff {...SIZE} key="n" />],
};

export function TierTag({ tier }: { tier: string | undefined }) {
  const { t } = useTranslation();
  const known = TIERS[tier ?? ''] ?? ['muted', undefined];
  return (
    <Tag tone={known[0]} icon={known[1]} hint={tier ? t(`tier.${tier}.hint`, '') || undefined : undefined}>
      {tier ? t(`tier.${tier}.name`, tier) : t('common.unknown')}
    </Tag>
  );
}

const STRENGTHS: Record<string, [Tone, ReactNode]> = {
  deny: ['allow', <IconShieldLock {...SIZE} key="d" />],
  kill: ['allow', <IconSkull {...SIZE} key="k" />],
  detect: ['violate', <IconEye {...SIZE} key="e" />],
  none: ['muted', <IconEyeOff {...SIZE} key="n" />],
};

export function StrengthTag({ strength }: { strength: string }) {
  const { t } = useTranslation();
  const known = STRENGTHS[strength] ?? ['muted', undefined];
  return (
    <Tag tone={known[0]} icon={known[1]} hint={t(`strength.${strength}.hint`, '') || undefined}>
      {t(`strength.${strength}.name`, strength)}
    </Tag>
  );
}

const SOURCES: Record<string, Tone> = { learned: 'muted', user_created: 'learn', ground: 'violate', federal: 'violate', system: 'muted' };
export function SourceTag({ source }: { source: string | undefined }) {
  const { t } = useTranslation();
  return <Tag tone={SOURCES[source ?? ''] ?? 'muted'}>{t(`source.${source || 'user_created'}`, source ?? '')}</Tag>;
}

export function ActionTag({ action }: { action: string }) {
  const { t } = useTranslation();
  return action === 'deny' ? (
    <Tag tone="deny" icon={<IconBan {...SIZE} />}>
      {t('action.deny')}
    </Tag>
  ) : (
    <Tag tone="allow" icon={<IconCircleCheck {...SIZE} />}>
      {t('action.allow')}
    </Tag>
  );
}

export function StateTag({ running, exitCode }: { running: boolean | undefined; exitCode?: number }) {
  const { t } = useTranslation();
  if (running !== false) return <Tag tone="muted" icon={<span className="live-dot" aria-hidden />}>{t('containers.running')}</Tag>;
  return <Tag tone="muted">{t('containers.exited', { code: exitCode ?? 0 })}</Tag>;
}

/** A container cut off from the network; its reason shows on pointing, and is read out. */
export function QuarantineTag({ reason }: { reason: string }) {
  const { t } = useTranslation();
  const why = reason ? t('quarantine.because', { reason: safeText(reason, 300) }) : t('quarantine.byUser');
  return (
    <>
      <Tag tone="deny" icon={<IconNetworkOff {...SIZE} />} hint={why}>
        {t('quarantine.tag')}
      </Tag>
      <VisuallyHidden> {why}</VisuallyHidden>
    </>
  );
}

const RULE_STATES: Record<string, [Tone, ReactNode]> = {
  live: ['allow', <IconCircleCheck {...SIZE} key="l" />],
  silent: ['violate', <IconEyeOff {...SIZE} key="s" />],
  off: ['muted', undefined],
};

/** Whether a detection rule can match; why not shows on pointing. */
export function RuleStateTag({ state, reason }: { state: string; reason?: string }) {
  const { t } = useTranslation();
  const [tone, icon] = RULE_STATES[state] ?? ['muted', undefined];
  return (
    <Tag tone={tone} icon={icon} hint={reason ? safeText(reason, 300) : undefined}>
      {t(`detection.state_${state}`, state)}
    </Tag>
  );
}

export function WarnTag({ children, hint }: { children: ReactNode; hint?: string }) {
  return (
    <Tag tone="violate" icon={<IconAlertTriangle {...SIZE} />} hint={hint}>
      {children}
    </Tag>
  );
}

const SEVERITY: Record<string, [Tone, ReactNode]> = {
  critical: ['deny', <IconAlertTriangleFilled {...SIZE} key="c" />],
  high: ['deny', <IconAlertTriangle {...SIZE} key="h" />],
  medium: ['violate', <IconAlertTriangle {...SIZE} key="m" />],
  low: ['muted', <IconInfoCircle {...SIZE} key="l" />],
};

export function SeverityTag({ severity }: { severity: string | undefined }) {
  const { t } = useTranslation();
  const name = (severity ?? '').toLowerCase();
  const [tone, icon] = SEVERITY[name] ?? ['muted', undefined];
  return (
    <Tag tone={tone} icon={icon}>
      {t(`severity.${name || 'unknown'}`, severity ?? '')}
    </Tag>
  );
}

/** What makes a vulnerability urgent, or settles it; each says why on pointing. */
export function FindingMarks({ exploited, ransomware, inUse, accepted, reason, compact }: { exploited?: boolean; ransomware?: boolean; inUse?: boolean; accepted?: boolean; reason?: string; compact?: boolean }) {
  const { t } = useTranslation();
  const word = (text: string) => (compact ? <VisuallyHidden>{text}</VisuallyHidden> : text);
  const hint = (text: string, why: string) => (compact ? `${text}: ${why}` : why);
  return (
    <span className="toolbar" style={{ gap: 4, flexWrap: 'nowrap' }}>
      {exploited ? <Tag tone="deny" icon={<IconSkull {...SIZE} />} hint={hint(t('scan.exploited'), t(ransomware ? 'scan.ransomwareHint' : 'scan.exploitedHint'))}>{word(t('scan.exploited'))}</Tag> : null}
      {inUse ? <Tag tone="violate" icon={<IconPlayerPlay {...SIZE} />} hint={hint(t('scan.inUse'), t('scan.inUseHint'))}>{word(t('scan.inUse'))}</Tag> : null}
      {accepted ? <Tag tone="muted" icon={<IconCircleCheck {...SIZE} />} hint={hint(t('scan.accepted'), reason ? safeText(reason, 300) : t('scan.acceptedHint'))}>{word(t('scan.accepted'))}</Tag> : null}
    </span>
  );
}

const PROGRESS: Record<string, [Tone, ReactNode]> = {
  scheduled: ['muted', <IconClock {...SIZE} key="w" />],
  scanning: ['learn', <IconLoader2 {...SIZE} key="s" className="turning" />],
  finished: ['allow', <IconCircleCheck {...SIZE} key="f" />],
  failed: ['deny', <IconAlertTriangle {...SIZE} key="x" />],
  unsupported: ['violate', <IconEyeOff {...SIZE} key="u" />],
};

/** How far a scan is, and why it failed. */
export function ProgressTag({ status, result }: { status: string | undefined; result?: string }) {
  const { t } = useTranslation();
  const known = PROGRESS[status ?? ''];
  if (!known || !status) return <span className="dim">{t('scan.never')}</span>;
  return (
    <Tag tone={known[0]} icon={known[1]} hint={result && result !== 'succeeded' ? safeText(result, 300) : undefined}>
      {t(`scan.status_${status}`)}
    </Tag>
  );
}
