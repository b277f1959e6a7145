import { Alert, Button, Checkbox, Group as Row, NumberInput, PasswordInput, Select, TagsInput, TextInput } from '@mantine/core';
import { IconPlugConnected } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { FormModal } from '../../components/FormModal';
import { Safe } from '../../components/Safe';
import { addRegistry, type RegistryDraft, registryTypes, testRegistry, updateRegistry } from '../../services/scan';
import type { RegistrySummary, TestStep } from '../../services/types';

const NEW: RegistryDraft = {
  name: '', registry_type: 'Docker Registry', registry: '', filters: ['*:*'], username: '', password: '', auth_with_token: false, auth_token: '',
  schedule: 'auto', interval: 3600, rescan_after_db_update: true, repo_limit: 0, tag_limit: 20,
};

const draftOf = (r: RegistrySummary): RegistryDraft => ({
  ...NEW,
  name: r.name,
  registry_type: r.registry_type,
  registry: r.registry,
  filters: r.filters ?? [],
  username: r.username ?? '',
  auth_with_token: r.auth_with_token ?? false,
  schedule: r.schedule?.schedule || 'manual',
  interval: r.schedule?.interval || 3600,
  rescan_after_db_update: r.rescan_after_db_update ?? false,
  repo_limit: r.repo_limit ?? 0,
  tag_limit: r.tag_limit ?? 0,
});

/** A registry: where it is, how to sign in, which images, when. It can be tried out before it is saved. */
export function RegistryForm({ opened, onClose, registry: old }: { opened: boolean; onClose: () => void; registry?: RegistrySummary }) {
  const { t } = useTranslation();
  const change = useChange(['scan']);
  const types = useQuery(registryTypes()).data ?? [NEW.registry_type];
  const [draft, setDraft] = useState(NEW);
  const set = (patch: Partial<RegistryDraft>) => setDraft((d) => ({ ...d, ...patch }));
  useEffect(() => {
    if (opened) setDraft(old ? draftOf(old) : NEW);
    // Only on opening: an answer that comes in later must not undo what is being typed.
  }, [opened]);
  const submit = () => {
    const done = { ...draft, name: draft.name.trim(), registry: draft.registry.trim() };
    change.mutate({ run: () => (old ? updateRegistry(done) : addRegistry(done)), done: t(old ? 'registries.changed' : 'registries.added', { name: done.name }) }, { onSuccess: onClose });
  };
  const keep = old?.has_secret ? t('registries.keepSecret') : '';
  return (
    <FormModal title={t(old ? 'registries.edit' : 'registries.add')} opened={opened} onClose={onClose} onSubmit={submit} busy={change.isPending} action={t(old ? 'common.save' : 'registries.add')} size="lg">
      <Row grow gap="sm" align="flex-start">
        <TextInput label={t('registries.name')} value={draft.name} onChange={(e) => set({ name: e.currentTarget.value })} required disabled={Boolean(old)} pattern="[A-Za-z0-9_.:\-]+" data-autofocus={old ? undefined : true} />
        <Select label={t('registries.type')} data={types} value={draft.registry_type} onChange={(v) => set({ registry_type: v ?? NEW.registry_type })} allowDeselect={false} disabled={Boolean(old)} searchable />
      </Row>
      <TextInput label={t('registries.url')} placeholder="https://registry.example.com/" type="url" value={draft.registry} onChange={(e) => set({ registry: e.currentTarget.value })} required pattern="https?://.+" />
      <TagsInput size="xs" label={t('registries.filters')} description={t('registries.filtersHelp')} value={draft.filters} onChange={(filters) => set({ filters })} splitChars={[',', ' ']} />
      <Checkbox size="xs" label={t('registries.withToken')} checked={draft.auth_with_token} onChange={(e) => set({ auth_with_token: e.currentTarget.checked })} />
      {draft.auth_with_token ? (
        <PasswordInput size="xs" label={t('registries.token')} description={keep} value={draft.auth_token} onChange={(e) => set({ auth_token: e.currentTarget.value })} autoComplete="off" />
      ) : (
        <Row grow gap="sm" align="flex-start">
          <TextInput label={t('registries.username')} value={draft.username} onChange={(e) => set({ username: e.currentTarget.value })} autoComplete="off" />
          <PasswordInput size="xs" label={t('registries.password')} description={keep} inputWrapperOrder={['label', 'input', 'description', 'error']} value={draft.password} onChange={(e) => set({ password: e.currentTarget.value })} autoComplete="new-password" />
        </Row>
      )}
      <Row grow gap="sm" align="flex-start">
        <Select label={t('registries.schedule')} data={['manual', 'auto', 'periodical'].map((value) => ({ value, label: t(`registries.schedule_${value}`) }))} value={draft.schedule} onChange={(v) => set({ schedule: v ?? 'manual' })} allowDeselect={false} />
        <NumberInput size="xs" label={t('registries.interval')} value={draft.interval / 60} onChange={(v) => set({ interval: (Number(v) || 5) * 60 })} min={5} max={10_080} disabled={draft.schedule !== 'periodical'} />
        <NumberInput size="xs" label={t('registries.repoLimit')} value={draft.repo_limit} onChange={(v) => set({ repo_limit: Number(v) || 0 })} min={0} />
        <NumberInput size="xs" label={t('registries.tagLimit')} value={draft.tag_limit} onChange={(v) => set({ tag_limit: Number(v) || 0 })} min={0} />
      </Row>
      <Checkbox size="xs" label={t('registries.rescan')} checked={draft.rescan_after_db_update} onChange={(e) => set({ rescan_after_db_update: e.currentTarget.checked })} />
      <Trial draft={draft} opened={opened} />
    </FormModal>
  );
}

/** Tries it out and says what happens, step by step. */
function Trial({ draft, opened }: { draft: RegistryDraft; opened: boolean }) {
  const { t } = useTranslation();
  const [steps, setSteps] = useState<TestStep[]>([]);
  const [busy, setBusy] = useState(false);
  const control = useRef<AbortController | null>(null);
  useEffect(() => {
    setSteps([]);
    return () => control.current?.abort();
  }, [opened]);
  const run = () => {
    const abort = new AbortController();
    control.current = abort;
    setSteps([]);
    setBusy(true);
    testRegistry(draft, setSteps, abort.signal)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) setSteps([{ step_type: 'error', step_content: error instanceof Error ? error.message : String(error) }]);
      })
      .finally(() => {
        if (!abort.signal.aborted) setBusy(false);
      });
  };
  const failed = steps.some((s) => s.step_type === 'error');
  return (
    <div style={{ display: 'grid', gap: 8 }} aria-live="polite">
      <Button type="button" variant="default" style={{ justifySelf: 'start' }} leftSection={<IconPlugConnected size={14} />} loading={busy} disabled={!draft.registry} onClick={run}>{t('registries.test')}</Button>
      {steps.length > 0 ? (
        <Alert color={failed ? 'red' : 'teal'} variant="light" role={failed ? 'alert' : 'status'} title={t(failed ? 'registries.testFailed' : busy ? 'registries.testing' : 'registries.testDone')}>
          {steps.slice(-12).map((s, i) => <div key={i}><Safe value={s.step_content} wrap breaks /></div>)}
        </Alert>
      ) : null}
    </div>
  );
}
