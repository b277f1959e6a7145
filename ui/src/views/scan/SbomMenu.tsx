import { Button, Menu } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { SBOM_FORMATS, saveSbom } from '../../services/scan';
import { safeText } from '../../services/text';

/** The bill of materials of what was scanned, as a file. */
export function SbomMenu({ path }: { path: string }) {
  const { t } = useTranslation();
  const save = useMutation({
    mutationFn: (format: string) => saveSbom(path, format),
    onError: (error) => notifications.show({ title: t('scan.sbomFailed'), message: safeText(error.message, 400), color: 'red', autoClose: 10_000 }),
  });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={14} />} loading={save.isPending} aria-label={t('scan.sbomHint')}>{t('scan.sbom')}</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {SBOM_FORMATS.map(([format, label]) => <Menu.Item key={format} onClick={() => save.mutate(format)}>{label}</Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}
