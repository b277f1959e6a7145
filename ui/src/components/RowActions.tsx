import { ActionIcon, Tooltip } from '@mantine/core';
import { IconPencil, IconTrash } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

/** Buttons at a row's end; a click on them is not a click on the row. */
export function RowActions({ what, onEdit, onDelete, children }: { what: string; onEdit?: () => void; onDelete?: () => void; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <span style={{ display: 'inline-flex', gap: 2, justifyContent: 'flex-end' }} onClick={(event) => event.stopPropagation()}>
      {children}
      {onEdit ? (
        <Tooltip label={t('common.edit')}>
          <ActionIcon size="sm" aria-label={t('common.editWhat', { what })} onClick={onEdit}><IconPencil size={15} /></ActionIcon>
        </Tooltip>
      ) : null}
      {onDelete ? (
        <Tooltip label={t('common.delete')}>
          <ActionIcon size="sm" aria-label={t('common.deleteWhat', { what })} onClick={onDelete}><IconTrash size={15} /></ActionIcon>
        </Tooltip>
      ) : null}
    </span>
  );
}
