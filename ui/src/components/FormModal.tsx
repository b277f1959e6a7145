import { Button, Group, Modal, Stack } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

/** A form in a window: cancel, submit, busy while it is sent. */
export function FormModal({ title, opened, onClose, onSubmit, busy, action, danger, size = 'md', children }: { title: string; opened: boolean; onClose: () => void; onSubmit: () => void; busy: boolean; action?: string; danger?: boolean; size?: string; children: ReactNode }) {
  const { t } = useTranslation();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <Modal opened={opened} onClose={onClose} title={title} size={size} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {children}
          <Group justify="flex-end" gap="xs" mt="xs">
            <Button variant="default" onClick={onClose}>{t('common.cancel')}</Button>
            <Button type="submit" loading={busy} color={danger ? 'red.8' : undefined}>{action ?? t('common.save')}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
