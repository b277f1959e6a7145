import { Button, NumberInput, SegmentedControl, Select, Switch } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { Card } from '../../components/Page';
import { Gate } from '../../components/States';
import { updateSystem } from '../../services/actions';
import { systemConfig } from '../../services/queries';
import { useSession } from '../../services/session';
import type { SystemConfig } from '../../services/types';

const DAY = 86_400;

export function SystemForm() {
  const query = useQuery(systemConfig());
  return <Gate query={query}>{(config) => <Form config={config} />}</Gate>;
}

function Field({ label, help, children }: { label: string; help: string; children: ReactNode }) {
  return (
    <div style={{ display: 'flex', gap: 24, alignItems: 'center', padding: '12px 0', borderTop: '1px solid var(--mantine-color-default-border)' }}>
      <div style={{ flex: 1 }}>
        <div style={{ fontWeight: 550 }}>{label}</div>
        <div className="dim" style={{ fontSize: 12.5, lineHeight: 1.45 }}>{help}</div>
      </div>
      {children}
    </div>
  );
}

/** Only what was changed is sent. */
function Form({ config }: { config: SystemConfig }) {
  const { t } = useTranslation();
  const { canWrite } = useSession();
  const change = useChange(['system', 'log']);
  const [edit, setEdit] = useState<SystemConfig>({});
  const now = { ...config, ...edit };
  const set = (patch: SystemConfig) => setEdit({ ...edit, ...patch });
  const dirty = (Object.keys(edit) as (keyof SystemConfig)[]).some((k) => edit[k] !== config[k]);
  const modes = ['Discover', 'Monitor', 'Protect'].map((value) => ({ value, label: t(`mode.${value.toLowerCase()}`) }));
  const mode = (key: 'new_service_policy_mode' | 'new_service_profile_mode', label: string) => <SegmentedControl aria-label={label} disabled={!canWrite} data={modes} value={now[key] || 'Discover'} onChange={(value) => set({ [key]: value })} />;
  const auto = (on: 'mode_auto_d2m' | 'mode_auto_m2p', after: 'mode_auto_d2m_duration' | 'mode_auto_m2p_duration', label: string) => (
    <div className="toolbar">
      <Switch size="sm" disabled={!canWrite} aria-label={label} checked={now[on] ?? false} onChange={(e) => set({ [on]: e.currentTarget.checked })} />
      <NumberInput size="xs" w={110} min={1} max={90} suffix={` ${t('settings.days')}`} disabled={!canWrite || !now[on]} aria-label={t('settings.after', { what: label })} value={Math.max(1, Math.round((now[after] ?? DAY) / DAY))} onChange={(value) => set({ [after]: Number(value) * DAY })} />
    </div>
  );
  return (
    <div style={{ maxWidth: 820, display: 'grid', gap: 14 }}>
      <Card title={t('settings.newServices')}>
        <Field label={t('mode.profile')} help={t('settings.newProfileHelp')}>{mode('new_service_profile_mode', t('mode.profile'))}</Field>
        <Field label={t('mode.network')} help={t('settings.newNetworkHelp')}>{mode('new_service_policy_mode', t('mode.network'))}</Field>
        <Field label={t('groups.baseline')} help={t('settings.baselineHelp')}>
          <Select w={220} disabled={!canWrite} aria-label={t('groups.baseline')} allowDeselect={false} data={['basic', 'zero-drift'].map((value) => ({ value, label: t(`baseline.${value}`) }))} value={now.new_service_profile_baseline || 'basic'} onChange={(value) => set({ new_service_profile_baseline: value ?? 'basic' })} />
        </Field>
      </Card>
      <Card title={t('settings.promotion')}>
        <Field label={t('settings.d2m')} help={t('settings.d2mHelp')}>{auto('mode_auto_d2m', 'mode_auto_d2m_duration', t('settings.d2m'))}</Field>
        <Field label={t('settings.m2p')} help={t('settings.m2pHelp')}>{auto('mode_auto_m2p', 'mode_auto_m2p_duration', t('settings.m2p'))}</Field>
      </Card>
      <Card title={t('settings.override')}>
        <Field label={t('settings.netMode')} help={t('settings.netModeHelp')}>
          <div className="toolbar">
            <Switch size="sm" disabled={!canWrite} aria-label={t('settings.netMode')} checked={now.net_service_status ?? false} onChange={(e) => set({ net_service_status: e.currentTarget.checked })} />
            <Select w={120} disabled={!canWrite || !now.net_service_status} aria-label={t('mode.network')} allowDeselect={false} data={modes} value={now.net_service_policy_mode || 'Discover'} onChange={(value) => set({ net_service_policy_mode: value ?? 'Discover' })} />
          </div>
        </Field>
        <Field label={t('settings.failClosed')} help={t('settings.failClosedHelp')}>
          <Switch size="sm" disabled={!canWrite} aria-label={t('settings.failClosed')} checked={now.fail_closed ?? false} onChange={(e) => set({ fail_closed: e.currentTarget.checked })} />
        </Field>
        <Field label={t('settings.retention')} help={t('settings.retentionHelp')}>
          <NumberInput size="xs" w={120} min={1} max={3650} suffix={` ${t('settings.days')}`} disabled={!canWrite} aria-label={t('settings.retention')} value={now.event_retention_days ?? 30} onChange={(value) => set({ event_retention_days: Number(value) })} />
        </Field>
        <Field label={t('settings.aging')} help={t('settings.agingHelp')}>
          <NumberInput size="xs" w={120} min={0} max={168} suffix={` ${t('settings.hours')}`} disabled={!canWrite} aria-label={t('settings.aging')} value={now.unused_group_aging ?? 24} onChange={(value) => set({ unused_group_aging: Number(value) })} />
        </Field>
      </Card>
      {canWrite ? (
        <div className="toolbar">
          <Button disabled={!dirty} loading={change.isPending} onClick={() => change.mutate({ run: () => updateSystem(edit), done: t('settings.saved') }, { onSuccess: () => setEdit({}) })}>{t('common.save')}</Button>
          <Button variant="default" disabled={!dirty} onClick={() => setEdit({})}>{t('common.discard')}</Button>
        </div>
      ) : <span className="dim">{t('settings.readOnly')}</span>}
    </div>
  );
}
