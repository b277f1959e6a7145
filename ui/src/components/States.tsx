import { Button, Skeleton, Stack } from '@mantine/core';
import { IconCloudOff, IconInbox, IconRefresh } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Safe } from './Safe';

/** Nothing here, and what to do about it. */
export function Empty({ title, children, icon, action }: { title: string; children?: ReactNode; icon?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      {icon ?? <IconInbox size={30} stroke={1.4} aria-hidden />}
      <strong>{title}</strong>
      {children ? <p>{children}</p> : null}
      {action}
    </div>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="empty" role="alert">
      <IconCloudOff size={30} stroke={1.4} aria-hidden />
      <strong>{t('error.title')}</strong>
      <p>
        <Safe value={error instanceof Error ? error.message : error} max={400} />
      </p>
      {retry ? (
        <Button variant="default" leftSection={<IconRefresh size={14} />} onClick={retry}>
          {t('error.retry')}
        </Button>
      ) : null}
    </div>
  );
}

export function LoadingRows({ rows = 6, height = 18 }: { rows?: number; height?: number }) {
  const { t } = useTranslation();
  return (
    <Stack gap={12} p="md" role="status" aria-label={t('common.loading')}>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} height={height} width={`${92 - ((i * 17) % 38)}%`} />
      ))}
    </Stack>
  );
}

/** The content once it is there; skeleton before, reason and retry when it failed. */
export function Gate<T>({ query, children, loading }: { query: UseQueryResult<T>; children: (data: T) => ReactNode; loading?: ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return <>{loading ?? <LoadingRows />}</>;
}
