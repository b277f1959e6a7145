import { Select, TagsInput, Textarea, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChange } from '../../components/change';
import { FormModal } from '../../components/FormModal';
import { acceptVulnerability } from '../../services/scan';

const DAYS: Record<string, number> = { week: 7, month: 30, quarter: 90, year: 365 };

/** Accepts a vulnerability: why, where, until when. */
export function AcceptForm({ name, domain, opened, onClose, onDone }: { name: string; domain?: string; opened: boolean; onClose: () => void; onDone?: () => void }) {
  const { t } = useTranslation();
  const change = useChange(['scan', 'workload', 'node']);
  const [reason, setReason] = useState('');
  const [until, setUntil] = useState('month');
  const [domains, setDomains] = useState<string[]>([]);
  const [images, setImages] = useState<string[]>([]);
  useEffect(() => {
    if (!opened) return;
    setReason('');
    setUntil('month');
    setDomains(domain ? [domain] : []);
    setImages([]);
    // Only on opening: an answer that comes in later must not undo what is being typed.
  }, [opened]);
  const submit = () => {
    const days = DAYS[until];
    const expires_at = days ? new Date(Date.now() + days * 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z') : '';
    change.mutate({ run: () => acceptVulnerability({ name, comment: reason.trim(), domains, images, expires_at }), done: t('scan.acceptedDone', { name }) }, {
      onSuccess: () => {
        onClose();
        onDone?.();
      },
    });
  };
  return (
    <FormModal title={t('scan.acceptTitle', { name })} opened={opened} onClose={onClose} onSubmit={submit} busy={change.isPending} action={t('scan.accept')}>
      <p className="dim" style={{ margin: 0, lineHeight: 1.5 }}>{t('scan.acceptText')}</p>
      <Textarea size="xs" label={t('scan.reason')} value={reason} onChange={(e) => setReason(e.currentTarget.value)} required autosize minRows={2} maxLength={1000} data-autofocus />
      <Select label={t('scan.until')} data={['week', 'month', 'quarter', 'year', 'ever'].map((value) => ({ value, label: t(`scan.until_${value}`) }))} value={until} onChange={(v) => setUntil(v ?? 'month')} allowDeselect={false} />
      <TagsInput size="xs" label={t('scan.inDomains')} description={t('scan.anywhere')} value={domains} onChange={setDomains} />
      <TagsInput size="xs" label={t('scan.inImages')} description={t('scan.imagePattern')} value={images} onChange={setImages} />
      <TextInput type="hidden" value={name} readOnly display="none" />
    </FormModal>
  );
}
