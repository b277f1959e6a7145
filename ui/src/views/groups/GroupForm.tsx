import { ActionIcon, Button, Group as Row, Modal, Select, Stack, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { type FormEvent, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useChange } from '../../components/change';
import { addGroup, updateGroup } from '../../services/actions';
import type { Criterion, Group } from '../../services/types';

const KEYS = ['image', 'service', 'domain', 'container', 'node', 'label', 'address'];
const OPS = ['=', '!=', 'contains', 'prefix', 'regex', '!regex'];
const NEW: Criterion = { key: 'image', op: '=', value: '' };

/** A group of your own, by what its members have in common. */
export function GroupForm({ opened, onClose, group: old }: { opened: boolean; onClose: () => void; group?: Group }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const change = useChange(['group']);
  const [name, setName] = useState('');
  const [comment, setComment] = useState('');
  const [criteria, setCriteria] = useState<Criterion[]>([NEW]);
  useEffect(() => {
    if (!opened) return;
    setName(old?.name ?? '');
    setComment(old?.comment ?? '');
    setCriteria(old?.criteria?.length ? old.criteria : [NEW]);
    // Only on opening: an answer that comes in later must not undo what is being typed.
  }, [opened]);
  const edit = (index: number, patch: Partial<Criterion>) => setCriteria(criteria.map((c, i) => (i === index ? { ...c, ...patch } : c)));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const group = { name: name.trim(), comment: comment.trim(), criteria: criteria.map((c) => ({ ...c, value: c.value.trim() })) };
    change.mutate({ run: () => (old ? updateGroup(group) : addGroup(group)), done: t(old ? 'groups.changed' : 'groups.added', { name: group.name }) }, {
      onSuccess: () => {
        onClose();
        void navigate(`/groups/${encodeURIComponent(group.name)}`);
      },
    });
  };
  return (
    <Modal opened={opened} onClose={onClose} title={t(old ? 'groups.edit' : 'groups.add')} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput label={t('groups.name')} description={t('groups.nameHelp')} value={name} onChange={(e) => setName(e.currentTarget.value)} required disabled={Boolean(old)} pattern="[A-Za-z0-9_.:\-]+" data-autofocus={old ? undefined : true} />
          <TextInput label={t('rule.comment')} value={comment} onChange={(e) => setComment(e.currentTarget.value)} maxLength={256} />
          <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
            <legend style={{ fontSize: 12, fontWeight: 550, marginBottom: 4 }}>{t('groups.criteria')}</legend>
            {criteria.map((c, i) => (
              <Row key={i} gap="xs" mb={6} wrap="nowrap">
                <Select w={120} aria-label={t('groups.key')} data={KEYS} value={c.key} onChange={(key) => edit(i, { key: key ?? 'image' })} allowDeselect={false} />
                <Select w={110} aria-label={t('groups.op')} data={OPS} value={c.op} onChange={(op) => edit(i, { op: op ?? '=' })} allowDeselect={false} />
                <TextInput style={{ flex: 1 }} aria-label={t('groups.value')} placeholder={t(`groups.example_${c.key}`)} value={c.value} onChange={(e) => edit(i, { value: e.currentTarget.value })} required />
                <ActionIcon aria-label={t('common.delete')} disabled={criteria.length === 1} onClick={() => setCriteria(criteria.filter((_, n) => n !== i))}><IconTrash size={15} /></ActionIcon>
              </Row>
            ))}
            <Button variant="subtle" leftSection={<IconPlus size={13} />} onClick={() => setCriteria([...criteria, NEW])}>{t('groups.addCriterion')}</Button>
          </fieldset>
          <Row justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>{t('common.cancel')}</Button>
            <Button type="submit" loading={change.isPending}>{t(old ? 'common.save' : 'groups.add')}</Button>
          </Row>
        </Stack>
      </form>
    </Modal>
  );
}
