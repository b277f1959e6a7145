import { CloseButton, Select, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { safeText } from '../services/text';

export function SearchBox({ value, onChange, placeholder, width = 260 }: { value: string; onChange: (value: string) => void; placeholder?: string; width?: number }) {
  const { t } = useTranslation();
  return (
    <TextInput
      w={width}
      type="search"
      leftSection={<IconSearch size={14} aria-hidden />}
      placeholder={placeholder ?? t('common.search')}
      aria-label={placeholder ?? t('common.search')}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      rightSection={value ? <CloseButton size="xs" aria-label={t('common.clear')} onClick={() => onChange('')} /> : null}
    />
  );
}

export type Option = string | { value: string; label: string };

/** A filter with a "no filter" choice; its label is the placeholder. */
export function Choice({ label, value, options, onChange, width = 150 }: { label: string; value: string | null; options: Option[]; onChange: (value: string | null) => void; width?: number }) {
  const data = options.map((o) => (typeof o === 'string' ? { value: o, label: safeText(o, 80) } : o));
  return <Select w={width} aria-label={label} placeholder={label} data={data} value={value} onChange={onChange} clearable searchable={data.length > 8} comboboxProps={{ width: 'max-content', position: 'bottom-start' }} />;
}

/** The distinct non-empty values, in order. */
export const distinct = (values: (string | undefined)[]): string[] => [...new Set(values.filter((v): v is string => Boolean(v)))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
