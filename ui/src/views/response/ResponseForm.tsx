import { Autocomplete, Checkbox, Group, Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { FormModal } from '../../components/FormModal';
import { addResponse, updateResponse } from '../../services/actions';
import { groups, responseOptions } from '../../services/queries';
import type { ResponseRule } from '../../services/types';

const NEW: ResponseRule = { id: 0, event: 'security-event', group: '', conditions: [], actions: [], comment: '', disable: false };
const ACTIONS = ['quarantine', 'suppress-log'];

/** `level:Critical` as the API has it; the value may hold colons. */
export function conditionOf(text: string): { type: string; value: string } {
  const at = text.indexOf(':');
  return at < 0 ? { type: text.trim(), value: '' } : { type: text.slice(0, at).trim(), value: text.slice(at + 1).trim() };
}

export function ResponseForm({ editing, onClose }: { editing: { rule?: ResponseRule } | null; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChange(['policy']);
  const names = (useQuery(groups()).data ?? []).map((g) => g.name);
  const options = useQuery(responseOptions()).data ?? {};
  const [rule, setRule] = useState<ResponseRule>(NEW);
  const [texts, setTexts] = useState<string[]>([]);
  const [tried, setTried] = useState(false);
  useEffect(() => {
    if (!editing) return;
    const next = editing.rule ?? NEW;
    setRule(next);
    setTexts((next.conditions ?? []).map((c) => `${c.type}:${c.value}`));
    setTried(false);
  }, [editing]);
  const set = (patch: Partial<ResponseRule>) => setRule((old) => ({ ...old, ...patch }));
  const known = options[rule.event];
  const conditions = texts.map(conditionOf);
  const badConditions = conditions.some((c) => !c.value || (known && !known.types.includes(c.type)));
  const badActions = rule.actions.length === 0;
  const save = () => {
    setTried(true);
    if (badConditions || badActions) return;
    const next = { ...rule, conditions };
    change.mutate({ run: () => (editing?.rule ? updateResponse(next) : addResponse(next)), done: t('response.saved') }, { onSuccess: onClose });
  };
  const suggestions = known ? [...known.name, ...known.level] : [];
  return (
    <FormModal title={editing?.rule ? t('response.edit', { id: editing.rule.id }) : t('response.add')} opened={editing !== null} onClose={onClose} onSubmit={save} busy={change.isPending} size="lg">
      <Group grow gap="sm" align="flex-start">
        <Select label={t('response.event')} data={Object.keys(options).map((value) => ({ value, label: t(`response.event_${value}`, value) }))} value={rule.event} onChange={(event) => set({ event: event ?? NEW.event })} allowDeselect={false} />
        <Autocomplete size="xs" label={t('response.group')} placeholder={t('response.anyGroup')} data={names} limit={30} value={rule.group ?? ''} onChange={(group) => set({ group })} />
      </Group>
      <TagsInput size="xs" label={t('response.conditions')} description={t('response.conditionsHelp')} data={suggestions} value={texts} onChange={setTexts} error={tried && badConditions ? t('response.conditionsBad', { types: (known?.types ?? []).join(', ') }) : undefined} />
      <Checkbox.Group label={t('response.actions')} value={rule.actions} onChange={(actions) => set({ actions })} error={tried && badActions ? t('response.actionsBad') : undefined}>
        <Group gap="xl" mt={4}>
          {ACTIONS.map((action) => <Checkbox key={action} size="xs" value={action} label={t(`response.action_${action}`)} />)}
        </Group>
      </Checkbox.Group>
      <TextInput label={t('response.comment')} value={rule.comment ?? ''} maxLength={1024} onChange={(e) => set({ comment: e.currentTarget.value })} />
      <Checkbox size="xs" label={t('response.enabled')} checked={!rule.disable} onChange={(e) => set({ disable: !e.currentTarget.checked })} />
    </FormModal>
  );
}
