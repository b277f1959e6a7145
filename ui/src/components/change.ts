import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { safeText } from '../services/text';
import type { ChangeKind } from '../services/types';

/** Runs a change, says how it went, and reads again what it touched. */
export function useChange(kinds: ChangeKind[]) {
  const client = useQueryClient();
  const { t } = useTranslation();
  return useMutation({
    mutationFn: ({ run }: { run: () => Promise<unknown>; done: string }) => run(),
    onSuccess: (_, { done }) => notifications.show({ message: safeText(done, 200), color: 'teal', autoClose: 3000 }),
    onError: (error) => notifications.show({ title: t('error.change'), message: safeText(error.message, 400), color: 'red', autoClose: 10_000 }),
    onSettled: () => Promise.all(kinds.map((kind) => client.invalidateQueries({ queryKey: [kind] }))),
  });
}
