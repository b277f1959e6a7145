import { Autocomplete, Checkbox, Group, SegmentedControl, Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { FormModal } from '../../components/FormModal';
import { addRule, updateRule } from '../../services/actions';
import { groups } from '../../services/queries';
import { safeText } from '../../services/text';
import type { NetworkRule } from '../../services/types';
import type { Editing } from './RuleList';

const NEW: NetworkRule = { id: 0, from: '', to: '', ports: 'any', applications: ['any'], action: 'allow', disable: false, comment: '' };
const APPLICATIONS = ['any', 'HTTP', 'SSL', 'SSH', 'DNS', 'Redis', 'MySQL', 'PostgreSQL', 'MongoDB', 'Kafka', 'Cassandra', 'Zookeeper', 'Elasticsearch', 'gRPC', 'Memcached', 'RabbitMQ', 'NTP'];

/** `any`, `icmp`, or `tcp/80`, `udp/53-60`, `443`, several with commas. */
export const PORTS = /^(any|((tcp|udp|sctp)\/)?(any|\d{1,5}(-\d{1,5})?)|icmp)(\s*,\s*(((tcp|udp|sctp)\/)?(any|\d{1,5}(-\d{1,5})?)|icmp))*$/i;

export function RuleForm({ editing, rules, group, onClose }: { editing: Editing | null; rules: NetworkRule[]; group?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChange(['policy', 'group']);
  const names = (useQuery(groups()).data ?? []).map((g) => g.name);
  const [rule, setRule] = useState<NetworkRule>(NEW);
  const [after, setAfter] = useState('0');
  useEffect(() => {
    if (!editing) return;
    setRule(editing.rule ?? { ...NEW, to: group ?? '' });
    setAfter(String(editing.after ?? 0));
  }, [editing, group]);
  const set = (patch: Partial<NetworkRule>) => setRule((old) => ({ ...old, ...patch }));
  const bad = !PORTS.test(rule.ports.trim());
  const save = () => {
    if (bad) return;
    const run = editing?.rule ? () => updateRule(rule) : () => addRule(rule, after === 'last' ? undefined : Number(after));
    change.mutate({ run, done: t('rule.saved') }, { onSuccess: onClose });
  };
  const places = [
    { value: '0', label: t('rules.first') },
    ...rules.filter((r) => r.cfg_type === 'user_created').map((r) => ({ value: String(r.id), label: t('rules.afterRule', { id: r.id, what: safeText(`${r.from} → ${r.to}`, 60) }) })),
    { value: 'last', label: t('rules.last') },
  ];
  return (
    <FormModal title={editing?.rule ? t('rules.edit', { id: editing.rule.id }) : t('rules.add')} opened={editing !== null} onClose={onClose} onSubmit={save} busy={change.isPending} size="lg">
      <Group grow gap="sm" align="flex-start">
        <Autocomplete size="xs" label={t('rules.from')} data={names} limit={30} value={rule.from} onChange={(from) => set({ from })} required data-autofocus />
        <Autocomplete size="xs" label={t('rules.to')} data={names} limit={30} value={rule.to} onChange={(to) => set({ to })} required />
      </Group>
      <Group grow gap="sm" align="flex-start">
        <TextInput label={t('network.ports')} description={t('rules.portsHelp')} value={rule.ports} onChange={(e) => set({ ports: e.currentTarget.value })} error={bad ? t('rules.portsBad') : undefined} required />
        <TagsInput size="xs" label={t('network.applications')} description={t('rules.applicationsHelp')} data={APPLICATIONS} value={rule.applications ?? []} onChange={(list) => set({ applications: list.length > 1 ? list.filter((a) => a !== 'any') : list })} />
      </Group>
      <Group gap="xl" align="center">
        <SegmentedControl aria-label={t('rule.action')} value={rule.action} onChange={(action) => set({ action })} data={['allow', 'deny'].map((value) => ({ value, label: t(`action.${value}`) }))} />
        <Checkbox size="xs" label={t('rules.enabled')} checked={!rule.disable} onChange={(e) => set({ disable: !e.currentTarget.checked })} />
      </Group>
      <TextInput label={t('rule.comment')} value={rule.comment ?? ''} maxLength={256} onChange={(e) => set({ comment: e.currentTarget.value })} />
      {editing?.rule ? null : <Select label={t('rules.position')} data={places} value={after} onChange={(value) => setAfter(value ?? '0')} allowDeselect={false} />}
    </FormModal>
  );
}
